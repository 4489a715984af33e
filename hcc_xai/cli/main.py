"""The command line: `python -m hcc_xai COMMAND`.

Exit codes: 0 all done; 1 some file could not be read or was stopped by the gate (one line each on
standard error, beginning with its path); 2 wrong usage, or a model, a data folder or a place to
write to that cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence

from hcc_xai.cli.console import complain
from hcc_xai.cli.parser import parser
from hcc_xai.errors import HccXaiError, ImageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what follows the name of the program; what the process was started with by
            default.

    Returns:
        The exit code.
    """
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except (HccXaiError, OSError) as error:
        complain("hcc_xai", error)
        return 1 if isinstance(error, ImageError) else 2
