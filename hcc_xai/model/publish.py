"""A bundle, or the whole app, put on the Hugging Face Hub by one commit."""

from __future__ import annotations

import re
from pathlib import Path

from hcc_xai.errors import BundleError
from hcc_xai.model import hub
from hcc_xai.model.bundle import CARD, CONFIG, FILES, REQUIRED, load_bundle


def publish_bundle(
    folder: str | Path, repo: str, *, private: bool = False, message: str = "Upload bundle"
) -> str:
    """Put a bundle on the Hub by one commit, making the repository if needed.

    Only a bundle's files are sent. Optional files that were fitted to other weights stay behind,
    and are taken off the Hub.

    Returns:
        Address of the commit.

    Raises:
        BundleError: the folder is no whole bundle, or the Hub does not take it.
    """
    bundle = load_bundle(Path(folder))
    files = {name: bundle.path / name for name in (*REQUIRED, *bundle.extras)}
    return hub.upload(
        repo, files, space=False, private=private, message=message, owned=FILES.__contains__
    )


def publish_space(
    top: str | Path, repo: str, *, private: bool = False, message: str = "Upload app"
) -> str:
    """Put the app on the Hub as a Gradio Space by one commit: what it needs to run, and no more.

    Args:
        top: the repository's top folder.

    Returns:
        Address of the commit.

    Raises:
        BundleError: something the Space needs is missing, or the Hub does not take it.
    """
    top = Path(top)
    for name in ("app.py", "requirements.txt", CARD, "hcc_xai", "weights"):
        if not (top / name).exists():
            raise BundleError(
                "space-incomplete",
                "{top} cannot be a Space: {name} is missing",
                top=str(top),
                name=name,
            )
    if not re.match(
        r"---\n(?:(?!---).*\n)*sdk: gradio\n", (top / CARD).read_text(encoding="utf-8")
    ):
        raise BundleError(
            "space-front-matter",
            "{file} does not begin with a Space's front matter (sdk: gradio)",
            file=str(top / CARD),
        )
    paths = [top / name for name in ("app.py", "requirements.txt", CARD, "LICENSE", "packages.txt")]
    paths += [path for name in ("hcc_xai", "examples") for path in sorted((top / name).rglob("*"))]
    for config in sorted((top / "weights").glob(f"*/{CONFIG}")):
        bundle = load_bundle(config.parent)
        paths += [bundle.path / name for name in (*REQUIRED, *bundle.extras)]
    files = {
        path.relative_to(top).as_posix(): path
        for path in paths
        if path.is_file() and _wanted(path, top)
    }
    return hub.upload(
        repo,
        files,
        space=True,
        private=private,
        message=message,
        owned=lambda name: name.startswith(("hcc_xai/", "examples/", "weights/")),
    )


def _wanted(path: Path, top: Path) -> bool:
    """Whether a file belongs in a Space: nothing cached, hidden, half-written or linked."""
    parts = path.relative_to(top).parts
    return not (
        path.is_symlink()
        or path.suffix in (".pyc", ".partial")
        or "__pycache__" in parts
        or any(part.startswith(".") for part in parts)
    )
