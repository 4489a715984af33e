"""The bundles that a visitor may compare the served one with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hcc_xai.analysis.models import Answerer


def rivals(models: Answerer, named: Sequence[str] = ()) -> dict[str, str]:
    """Those that whoever serves the page named, or `HCC_XAI_AGAINST` does (with commas), and the
    folders beside the served one, where one bundle is served.

    Args:
        models: what is served.
        named: folders, or owner/name[@revision] on the Hub.

    Returns:
        What a visitor sees -> what `load` takes.
    """
    wanted = [*named, *os.environ.get("HCC_XAI_AGAINST", "").split(",")]
    bundles = {Path(w).name if Path(w).is_dir() else w: w for w in map(str.strip, wanted) if w}
    if len(models.kinds) > 1:  # those beside are of other kinds
        return bundles
    here = models.of(models.kinds[0]).bundle.path
    for folder in sorted(here.parent.iterdir()):
        if folder != here and (folder / "config.json").is_file():
            bundles.setdefault(folder.name, str(folder))
    return bundles
