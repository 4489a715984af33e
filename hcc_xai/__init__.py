"""Why was this lesion flagged? `load(...).analyze(...)` answers one picture."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hcc_xai.version import __version__

if TYPE_CHECKING:
    from hcc_xai.analysis.analyzer import Analyzer
    from hcc_xai.analysis.challenges import Challenge
    from hcc_xai.analysis.evidence import Evidence
    from hcc_xai.analysis.facts import Flag
    from hcc_xai.analysis.models import Models, load
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.analysis.saved import SavedAnswer, saved
    from hcc_xai.auditing.audit import Audit, audit
    from hcc_xai.errors import HccXaiError
    from hcc_xai.explain.change_of_mind import ChangeOfMind
    from hcc_xai.explain.faithfulness import Faithfulness
    from hcc_xai.explain.methods import (
        METHODS,
        Explanation,
        Method,
        OutlineExplanation,
        agreement,
    )
    from hcc_xai.findings.describe import Descriptor
    from hcc_xai.findings.lesions import Lesion
    from hcc_xai.findings.lirads import Suggestion
    from hcc_xai.imaging.read import Image, Region, read
    from hcc_xai.language.statement import Statement
    from hcc_xai.model.neighbours import Neighbour
    from hcc_xai.model.second_opinion import Opinion

_HOMES = {
    "analysis.analyzer": ("Analyzer",),
    "analysis.challenges": ("Challenge",),
    "analysis.evidence": ("Evidence",),
    "analysis.facts": ("Flag",),
    "analysis.models": ("Models", "load"),
    "analysis.result": ("Analysis",),
    "analysis.saved": ("SavedAnswer", "saved"),
    "auditing.audit": ("Audit", "audit"),
    "errors": ("HccXaiError",),
    "explain.change_of_mind": ("ChangeOfMind",),
    "explain.faithfulness": ("Faithfulness",),
    "explain.methods": ("METHODS", "Explanation", "Method", "OutlineExplanation", "agreement"),
    "findings.describe": ("Descriptor",),
    "findings.lesions": ("Lesion",),
    "findings.lirads": ("Suggestion",),
    "imaging.read": ("Image", "Region", "read"),
    "language.statement": ("Statement",),
    "model.neighbours": ("Neighbour",),
    "model.second_opinion": ("Opinion",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "METHODS",
    "Analysis",
    "Analyzer",
    "Audit",
    "Challenge",
    "ChangeOfMind",
    "Descriptor",
    "Evidence",
    "Explanation",
    "Faithfulness",
    "Flag",
    "HccXaiError",
    "Image",
    "Lesion",
    "Method",
    "Models",
    "Neighbour",
    "Opinion",
    "OutlineExplanation",
    "Region",
    "SavedAnswer",
    "Statement",
    "Suggestion",
    "__version__",
    "agreement",
    "audit",
    "load",
    "read",
    "saved",
]


def __getattr__(name: str) -> Any:
    """Names are fetched when first used, so that `import hcc_xai` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'hcc_xai' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hcc_xai.{_HOME[name]}"), name)
