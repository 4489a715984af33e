"""Serve the page, here or on a Hugging Face Space; `python app.py --help` lists the options."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
with contextlib.suppress(ImportError):
    import spaces  # noqa: F401  (ZeroGPU: it has to come before torch)


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the bundles and serve until stopped.

    Args:
        arguments: what follows the name of the program; what the process was started with by
            default.

    Returns:
        The exit code; 2 where the bundle cannot be loaded, or the page not be served.
    """
    options = _parser().parse_args(arguments)

    from hcc_xai.errors import HccXaiError
    from hcc_xai.page import launch
    from hcc_xai.page.zerogpu import load_for_page

    try:
        models = load_for_page(options.model)
        # So that the folder of pictures is removed then, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        launch(models, host=options.host, port=options.port, against=options.against)
    except (HccXaiError, OSError) as error:  # such as: the port is taken
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python app.py", description="Serve the page of hcc_xai.")
    parser.add_argument(
        "--model",
        help="a bundle's folder, or owner/name[@revision] on the Hugging Face Hub; "
        "HCC_XAI_MODEL or all that ship by default",
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="BUNDLE",
        help="another that an audit may compare it with (repeatable); the folders beside it are "
        "offered anyway",
    )
    parser.add_argument(
        "--host", help="name or address to serve on (Gradio's own by default: this computer only)"
    )
    parser.add_argument(
        "--port",
        type=int,
        help="port to serve on (Gradio's own by default: the first free from 7860)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
