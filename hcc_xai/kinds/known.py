"""All kinds that there are: one for every module of this room that holds a `KIND`."""

from __future__ import annotations

import importlib
import pkgutil

from hcc_xai import kinds
from hcc_xai.errors import unknown
from hcc_xai.kinds.kind import Kind

LIVER = "liver-ultrasound"  # the kind of all bundles of format 1


def _found() -> dict[str, Kind]:
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    modules = [
        importlib.import_module(f"hcc_xai.kinds.{name}") for name in names if name != "known"
    ]
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in found}


KINDS = _found()


def kind_named(name: str) -> Kind:
    """A kind by its name.

    Raises:
        ArgumentError: there is none of that name; the message lists them.
    """
    if name not in KINDS:
        raise unknown("kind of picture", name, KINDS)
    return KINDS[name]
