"""hcc_xai: why was this lesion flagged? See README.md; `load(...).analyze(...)` is the whole
API."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.9.0"

if TYPE_CHECKING:
    from hcc_xai.analysis import Analyzer, load
    from hcc_xai.auditing import Audit, audit
    from hcc_xai.errors import HccXaiError
    from hcc_xai.explain import METHODS, Explanation, Method, agreement
    from hcc_xai.images import Image, Region, read
    from hcc_xai.lirads import Suggestion
    from hcc_xai.measure import Lesion
    from hcc_xai.result import Analysis, Evidence, Flag

_HOMES = {
    "auditing": ("Audit", "audit"),
    "analysis": ("Analyzer", "load"),
    "result": ("Analysis", "Evidence", "Flag"),
    "errors": ("HccXaiError",),
    "explain": ("METHODS", "Explanation", "Method", "agreement"),
    "lirads": ("Suggestion",),
    "images": ("Image", "Region", "read"),
    "measure": ("Lesion",),
}

__all__ = [
    "METHODS",
    "Analysis",
    "Analyzer",
    "Audit",
    "Evidence",
    "Explanation",
    "Flag",
    "HccXaiError",
    "Image",
    "Lesion",
    "Method",
    "Region",
    "Suggestion",
    "__version__",
    "agreement",
    "audit",
    "load",
    "read",
]


def __getattr__(name: str) -> Any:
    """Names are fetched when first used, so that `import hcc_xai` costs nothing."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"hcc_xai.{home}"), name)
    raise AttributeError(f"module 'hcc_xai' has no attribute {name!r}")
