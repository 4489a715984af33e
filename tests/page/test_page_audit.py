"""The tab "Audit" without a browser."""

from __future__ import annotations

from functools import partial
from html import unescape
from pathlib import Path

import pytest
from conftest import make_tiny

pytest.importorskip("gradio")

import gradio as gr
from page_tools import VISITOR, put

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.auditing import audit as auditing
from hcc_xai.page.api import Endpoints
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers
from hcc_xai.page.rivals import rivals
from hcc_xai.page.tabs.audit import AuditTab

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


def test_an_audit_says_what_it_understood_and_then_runs(
    tiny: Analyzer, reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "audit", partial(auditing.audit, resamples=20))
    with gr.Blocks(analytics_enabled=False):
        tab = AuditTab(tiny, Labels(), gr.Radio())
    assert "put away" in list(tab.run(VISITOR, "en", []))[-1][tab.progress]
    read = tab.read(VISITOR, [put("all.zip", reviewed.read_bytes())], "en")
    assert "6 images" in read[tab.progress] and "“label”" in read[tab.told]
    assert read[tab.by]["value"] == ["site"]
    assert ("frame size", "frame") in read[tab.by]["choices"]
    again = tab.translate(VISITOR, "es")
    assert "«label»" in again[tab.told]
    assert ("tamaño de imagen", "frame") in again[tab.by]["choices"]
    assert read[tab.go]["interactive"] is True
    last = list(tab.run(VISITOR, "es", ["site"]))[-1]
    assert "No se puede saber" in last[tab.told]
    assert "Cannot tell" in tab.translate(VISITOR, "en")[tab.told]
    page = Path(last[tab.files["html"]]["value"])
    assert "Auditor" in page.read_text(encoding="utf-8")
    tab.leave(VISITOR)
    assert not page.exists()
    wrong = tab.read(VISITOR, [put("a.csv", b"x,y\n1,2")], "en")
    assert "no column for the file" in unescape(wrong[tab.progress])
    assert "choose pictures" in tab.read(VISITOR, [], "en")[tab.progress]


def test_an_audit_against_another_bundle_of_those_offered(
    tmp_path: Path, reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "audit", partial(auditing.audit, resamples=20))
    mine, other = make_tiny(tmp_path / "mine"), make_tiny(tmp_path / "other", seed=1)
    elsewhere = make_tiny(tmp_path / "far" / "third", seed=2)
    (tmp_path / "empty").mkdir()
    analyzer = load(mine, device="cpu")
    monkeypatch.setenv("HCC_XAI_AGAINST", "owner/name@v1, ")
    known = rivals(analyzer, [str(elsewhere)])
    assert known == {"third": str(elsewhere), "owner/name@v1": "owner/name@v1", "other": str(other)}
    with gr.Blocks(analytics_enabled=False):
        tab = AuditTab(analyzer, Labels(), gr.Radio(), known)
    tab.read(VISITOR, [put("all.zip", reviewed.read_bytes())], "en")
    last = list(tab.run(VISITOR, "en", ["site"], "other"))[-1]
    assert "McNemar" in last[tab.told] and "Against" in last[tab.told]
    tab.leave(VISITOR)
    answers = Answers()
    with gr.Blocks(analytics_enabled=False):
        ends = Endpoints(analyzer, answers, known)
    found, *_ = ends.audit([put("all.zip", reviewed.read_bytes())], ["site"], "en", "other")
    assert found["versus"]["model"].startswith("tiny@")
    with pytest.raises(gr.Error, match="known are|other"):
        ends.audit([put("all.zip", reviewed.read_bytes())], None, "en", "/etc")
