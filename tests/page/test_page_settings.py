"""The page's settings, what it remembers and forgets, and the model that it serves."""

from __future__ import annotations

import asyncio
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio")

import gradio as gr
from starlette.responses import FileResponse

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.imaging import read as images
from hcc_xai.page import build, gradio_settings, launch, memory
from hcc_xai.page.api import Endpoints
from hcc_xai.page.memory import KEPT_SECONDS, Answers, private_folder
from hcc_xai.page.zerogpu import load_for_page

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


def test_gradios_traps_are_settled(tiny: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(gr.Blocks, "launch", lambda self, **settings: asked.update(settings))
    page = launch(tiny)
    assert asked["run_history"] is False and asked["share"] is False
    assert asked["enable_monitoring"] is False and asked["show_error"] is False
    assert asked["max_file_size"] == images.MAX_BYTES and asked["allowed_paths"] == []
    assert asked["state_session_capacity"] <= 100
    assert "server_name" not in asked and "server_port" not in asked
    assert page.analytics_enabled is False and page.delete_cache == (60, KEPT_SECONDS)
    named = {c.elem_id: c for c in page.blocks.values() if c.elem_id}
    assert named["stage"].format == "png" and named["choose"].type == "filepath"


def test_host_and_port_are_passed_on_when_given(
    tiny: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(gr.Blocks, "launch", lambda self, **settings: asked.update(settings))
    launch(tiny, host="0.0.0.0", port=7000)
    assert (asked["server_name"], asked["server_port"]) == ("0.0.0.0", 7000)


def test_slow_events_wait_elsewhere(tiny: Analyzer) -> None:
    """What runs the network shares one limit, what is slow another; redrawing waits for none."""
    waits = {f.name: (f.concurrency_id, f.concurrency_limit) for f in build(tiny).fns.values()}
    for name in ("analyze", "read_upload", "read_this", "read_frame"):
        assert waits[name] == ("model", 2)
    assert waits["explain"] == waits["test"] == ("slow", 1)
    assert waits["redraw"][0] == "redraw"


def test_files_lie_in_a_private_folder() -> None:
    folder = private_folder()
    assert folder.stat().st_mode & 0o077 == 0


def test_a_file_that_goes_while_it_is_fetched_is_not_here_and_anything_else_is_a_fault(
    tmp_path: Path,
) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    def fetch(path: str, app: Any) -> list[int]:
        sent.clear()
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        asyncio.run(gradio_settings.Guard(app)(scope, receive, send))
        return [m["status"] for m in sent if m["type"] == "http.response.start"]

    gone = FileResponse(tmp_path / "name_of_a_patient.png")
    assert fetch("/gradio_api/file=/tmp/a.png", gone) == [404]
    assert b"patient" not in b"".join(m.get("body", b"") for m in sent)

    async def broken(*given: Any) -> None:
        raise RuntimeError("another fault")

    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await gone(scope, receive, send)

    for path, app in (("/file=/a", broken), ("/file=/a", half), ("/config", gone)):
        with pytest.raises(RuntimeError):
            fetch(path, app)


def test_answers_are_bounded_and_leave_nothing(tiny: Analyzer, png: Path) -> None:
    answers = Answers(most=3)
    a = tiny.analyze(png)
    kept = [answers.put(str(i), a, None) for i in range(5)]
    assert len(answers) == 3 and answers.get("0") is None and answers.get("4") is kept[4]
    assert [k.folder.exists() for k in kept] == [False, False, True, True, True]
    small = Answers(most_bytes=kept[0].size * 2)
    for i in range(4):
        small.put(str(i), a, None)
    assert len(small) == 2
    path = kept[4].write("a.png", b"a")
    answers.drop("4")
    assert not Path(path).exists() and len(answers) == 2
    with pytest.raises(FileNotFoundError):
        kept[4].write("a.png", b"a")


def test_what_programs_fetched_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(most_handed=3)
    notes: set[str] = {"another"}
    answers.notes = [notes]
    paths = [Path(answers.hand_out({"a.png": bytes([i])})[0]) for i in range(5)]
    assert [path.exists() for path in paths] == [False, False, True, True, True]
    assert len({path.parent for path in paths}) == 5
    notes.add(str(paths[2]))
    monkeypatch.setattr(memory, "KEPT_SECONDS", -1)
    answers.hand_out({"a.png": b""})
    assert not paths[4].exists() and notes == {"another"}


def test_endpoints_refuse_nothing_given(tiny: Analyzer) -> None:
    with gr.Blocks(analytics_enabled=False):
        endpoints = Endpoints(tiny, Answers())
    with pytest.raises(gr.Error, match="no file was given"):
        endpoints.analyze(None)


def test_a_space_says_that_it_is_shared(tiny: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    def footer() -> str:
        config = build(tiny).get_config_file()
        (found,) = [c for c in config["components"] if c["props"].get("elem_id") == "bottom"]
        return str(found["props"]["value"])

    assert "leaves this computer" in footer()
    monkeypatch.setenv("SPACE_ID", "owner/name")
    assert "shared server" in footer() and "leaves this computer" not in footer()


def test_only_arrays_cross_to_a_lent_gpu(
    tiny: Analyzer, tiny_bundle: Path, png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossed: list[Any] = []

    def lend(function: Any) -> Any:
        def lent(*given: Any) -> Any:
            result = function(*given)
            crossed.extend([*given, result.logits, result.masks, result.summary, result.pooled])
            crossed.extend(result.maps.values())
            return result

        return lent

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lend))
    analyzer = load_for_page(str(tiny_bundle))
    assert analyzer.device.type == "cpu"
    assert analyzer.analyze(png).probabilities == pytest.approx(
        tiny.analyze(png).probabilities, abs=1e-3
    )
    assert crossed and all(type(value) is np.ndarray for value in crossed)


def test_without_spaces_it_is_load(tiny_bundle: Path) -> None:
    assert load_for_page(str(tiny_bundle)).name == load(tiny_bundle).name


def test_a_bundle_that_cannot_be_loaded_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        import app
    finally:
        sys.path.pop(0)
    assert app.main(["--model", str(tmp_path / "nothing")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("app.py: ") and "nothing" in said
