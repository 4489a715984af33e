"""What the tests of the page share: a visitor, what the controls say, and files."""

from __future__ import annotations

import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from hcc_xai.page.memory import private_folder
from hcc_xai.page.tabs.batch_layout import GridView
from hcc_xai.page.tabs.view import LAYERS, StudyAnswers, View

VISITOR: Any = types.SimpleNamespace(session_hash="one")
# What the controls say when the page is opened; a test holds each tab to it.
VIEW = View(
    show=list(LAYERS),
    opacity=0.6,
    label="normal",
    kind="grad-cam++",
    scale="absolute",
    colour_map="inferno",
)
GRID = GridView(
    layout="grid",
    sort="file",
    only="",
    show=list(LAYERS),
    opacity=0.6,
    label="",
    method="grad-cam++",
    colour_map="inferno",
)
UNSAID = StudyAnswers(at_risk=None, thrombus=None, visualization=None, benign=[])
CONTROLS = VIEW.values()


def shown(path: str) -> np.ndarray:
    """A picture that the page made."""
    return np.asarray(PIL.Image.open(path))


def put(name: str, content: bytes) -> str:
    """An upload, where Gradio puts them."""
    folder = Path(tempfile.mkdtemp(dir=private_folder()))
    (folder / name).write_bytes(content)
    return str(folder / name)
