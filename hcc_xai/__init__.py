"""hcc_xai: why was this lesion flagged? See README.md; `load(...).analyze(...)` is the whole
API."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hcc_xai.version import __version__

if TYPE_CHECKING:
    from hcc_xai.analysis.analyzer import Analyzer, load
    from hcc_xai.analysis.result import Analysis, Evidence, Flag
    from hcc_xai.auditing.audit import Audit, audit
    from hcc_xai.errors import HccXaiError
    from hcc_xai.explain.methods import METHODS, Explanation, Method, agreement
    from hcc_xai.findings.lesions import Lesion
    from hcc_xai.findings.lirads import Suggestion
    from hcc_xai.imaging.read import Image, Region, read

_HOMES = {
    "auditing.audit": ("Audit", "audit"),
    "analysis.analyzer": ("Analyzer", "load"),
    "analysis.result": ("Analysis", "Evidence", "Flag"),
    "errors": ("HccXaiError",),
    "explain.methods": ("METHODS", "Explanation", "Method", "agreement"),
    "findings.lirads": ("Suggestion",),
    "imaging.read": ("Image", "Region", "read"),
    "findings.lesions": ("Lesion",),
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
