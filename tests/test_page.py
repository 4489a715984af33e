"""The page without a browser: its settings, its endpoints against Python's, and what it forgets."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import re
import sys
import tempfile
import time
import types
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from conftest import make_tiny

pytest.importorskip("gradio")

import gradio as gr
import httpx
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from page_server import Served, alike, serve
from starlette.responses import FileResponse

from hcc_xai import METHODS
from hcc_xai.analysis.analyzer import Analyzer, load
from hcc_xai.auditing import audit as auditing
from hcc_xai.errors import ImageError
from hcc_xai.imaging import draw, image, refusals
from hcc_xai.imaging import read as images
from hcc_xai.language import words
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.second_opinion import NAMES, GlassBox
from hcc_xai.page import build, launch, memory, service, style, texts
from hcc_xai.page.api import Endpoints
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import KEPT_SECONDS, Answers, private_folder
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.analyze_layout import EXAMPLES
from hcc_xai.page.tabs.audit import AuditTab
from hcc_xai.page.tabs.batch import BatchTab, shrink
from hcc_xai.page.tabs.explain import ExplainTab
from hcc_xai.page.tabs.explain_questions import near
from hcc_xai.page.tabs.model import card, facts
from hcc_xai.page.tabs.view import LAYERS
from hcc_xai.phantoms.phantom import make, random_spec, to_dicom

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """Gradio opens an event loop for each `Blocks` and never closes it; Python complains later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.set_event_loop(None)
        gc.collect()


@pytest.fixture(scope="module")
def page(tiny_bundle: Path) -> Iterator[Served]:
    with serve(tiny_bundle) as served:
        yield served


@pytest.fixture(scope="module")
def client(page: Served) -> Iterator[Client]:
    client = Client(page.url, verbose=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "scan.png"
    PIL.Image.fromarray(make(random_spec(3, label="malignant", shape=(150, 200))).pixels).save(path)
    return path


@pytest.fixture
def tab(tiny: Analyzer) -> AnalyzeTab:
    service.blocks_settings()
    with gr.Blocks(analytics_enabled=False):
        return AnalyzeTab(tiny, Answers(), Labels(), gr.Radio(["en", "es"]))


VISITOR: Any = types.SimpleNamespace(session_hash="one")
UNSAID = (None, None, None, [])  # what US LI-RADS asks
CONTROLS: tuple[Any, ...] = (
    ["lesion", "liver", "heatmap"],
    0.6,
    "normal",
    "grad-cam++",
    "absolute",
    "inferno",
)


def upload(page: Served, name: str, content: bytes) -> str:
    reply = httpx.post(f"{page.url}gradio_api/upload", files={"files": (name, content)})
    assert reply.status_code == 200
    return str(reply.json()[0])


def fetch(page: Served, path: str) -> httpx.Response:
    return httpx.get(f"{page.url}gradio_api/file={path}")


def call(page: Served, path: str) -> str:
    """`/analyze` by plain HTTP, with a path on the server; gradio_client would send the file."""
    place = f"{page.url}gradio_api/call/analyze"
    options = [None, None, None, "grad-cam++", "absolute", 0.6, "inferno", False, "en", False]
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = httpx.post(place, json={"data": [file, *options]}).json()["event_id"]
    return httpx.get(f"{place}/{event}", timeout=60).text


def shown(path: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(path))


# --- settings ---


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


def test_only_the_api_is_public(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert set(endpoints["named_endpoints"]) == {"/analyze", "/explain", "/batch", "/audit"}
    first, *others = endpoints["named_endpoints"]["/analyze"]["parameters"]
    assert first["parameter_name"] == "file" and not first["parameter_has_default"]
    assert others and all(p["parameter_has_default"] for p in others)


def test_files_lie_in_a_private_folder() -> None:
    folder = private_folder()
    assert folder.stat().st_mode & 0o077 == 0


# --- endpoints ---


def test_analyze_answers_as_python_does(client: Client, tiny: Analyzer, png: Path) -> None:
    expected = tiny.analyze(png)
    answer, overlay, lesion, liver = client.predict(handle_file(png), api_name="/analyze")
    for key in ("label", "band", "areas_px", "headline", "sentence", "model"):
        assert answer[key] == expected.to_dict()[key], key
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert alike(shown(overlay), expected.overlay())
    assert alike(shown(lesion) > 0, expected.masks["lesion"])
    assert alike(shown(liver) > 0, expected.masks["liver"])


def test_analyze_takes_its_options(client: Client, tiny: Analyzer, png: Path) -> None:
    answer, overlay, *_ = client.predict(
        handle_file(png),
        mm_per_pixel=0.5,
        label="normal",
        map="contribution",
        scale="own",
        opacity=1,
        evidence=True,
        api_name="/analyze",
    )
    expected = tiny.analyze(png, mm_per_pixel=0.5)
    found, wanted = answer["lesions"][0], expected.lesions[0]
    assert found["diameter_mm"] == pytest.approx(wanted.diameter_mm)
    assert found["diameter_mm"] == pytest.approx(found["diameter_px"] / 2, rel=1e-3)
    assert answer["evidence"]["hidden"] == pytest.approx(expected.evidence.hidden, abs=1e-6)
    drawn = expected.overlay(label="normal", kind="contribution", absolute=False, opacity=1)
    assert alike(shown(overlay), drawn)


@pytest.mark.parametrize("kind", ["16-bit PNG", "TIFF", "DICOM"])
def test_files_arrive_untouched(client: Client, tmp_path: Path, kind: str) -> None:
    phantom = make(random_spec(5, shape=(120, 160)))
    path = tmp_path / "scan"
    if kind == "DICOM":
        to_dicom([phantom, phantom], path)
    else:
        deep = phantom.pixels[..., 0].astype(np.uint16) * 257
        PIL.Image.fromarray(deep).save(path, "PNG" if kind == "16-bit PNG" else "TIFF")
    answer = client.predict(handle_file(path), api_name="/analyze")[0]
    assert answer["image"]["sha256"] == images.read(path).sha256
    assert answer["image"]["frames"] == (2 if kind == "DICOM" else 1)


def test_explain_answers_as_python_does(client: Client, tiny: Analyzer, png: Path) -> None:
    found, picture = client.predict(
        handle_file(png), "contribution", "malignant", "benign", api_name="/explain"
    )
    expected = tiny.explain(png, "contribution", label="malignant", against="benign")
    assert found["largest"] == pytest.approx(float(expected.map.max()), rel=1e-4)
    assert shown(picture).shape == (150, 200, 3)
    slow, _ = client.predict(
        handle_file(png), "layer-cam", layer=tiny.layers[1], check=True, api_name="/explain"
    )
    assert -1 <= slow["score"] <= 1 and found["score"] is None
    place, _ = client.predict(handle_file(png), point="75, 100", api_name="/explain")
    assert place["point"] == [75, 100] and place["label"] == "lesion"
    with pytest.raises(AppError, match="outside the scan"):
        client.predict(handle_file(png), point="0, 0", api_name="/explain")
    assert (slow["method"], slow["layer"]) == ("layer-cam", tiny.layers[1])


def test_batch_answers_as_python_does(
    client: Client, tiny: Analyzer, png: Path, tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    same = tmp_path / "x" / png.name  # two files of one name
    same.write_bytes(png.read_bytes())
    note = tmp_path / "note.txt"
    note.write_text("no picture, but a text that is long enough to be taken for one, surely so")
    rows, archive = client.predict([handle_file(p) for p in (png, same, note)], api_name="/batch")
    expected = tiny.analyze(png)
    answered = [row for row in rows if "error" not in row]
    assert [row["file"] for row in answered] == [png.name, f"{png.name} (2)"]
    for row in answered:
        assert row["logits"] == pytest.approx(expected.logits, abs=1e-3)
    assert [row["file"] for row in rows if "error" in row] == ["note.txt"]
    with zipfile.ZipFile(archive) as made:
        assert {"table.csv", "table.parquet", "answers.jsonl"} <= set(made.namelist())
    with pytest.raises(AppError, match="no file"):
        client.predict([], api_name="/batch")


def test_eight_at_once_get_the_answer_of_one(page: Served, client: Client, png: Path) -> None:
    alone = client.predict(handle_file(png), api_name="/analyze")[0]["logits"]

    def ask(_: int) -> list[dict[str, float]]:
        mine = Client(page.url, verbose=False)
        return [mine.predict(handle_file(png), api_name="/analyze")[0]["logits"] for _ in range(2)]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(8)):
            assert all(answer == pytest.approx(alone, abs=1e-5) for answer in answers)


def bad_files() -> dict[str, bytes]:
    def picture(array: Any, form: str = "PNG") -> bytes:
        file = io.BytesIO()
        PIL.Image.fromarray(array).save(file, form)
        return file.getvalue()

    noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    return {
        "empty.png": b"",
        "text.png": b"this is no picture\n" * 20,
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        "cut.jpg": picture(noise, "JPEG")[:3000],
        "tiny.png": picture(noise[:1, :1]),
        "black.png": picture(np.zeros((200, 200), np.uint8)),
        "bomb.png": picture(np.zeros((20000, 20000), bool)),
        "archive.zip": b"PK\3\4" + bytes(100),
        "short.dcm": bytes(128) + b"DICM" + bytes(10),
    }


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
        asyncio.run(service.Guard(app)(scope, receive, send))
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


@pytest.mark.parametrize("name", bad_files())
def test_a_bad_file_gives_one_sentence_and_the_service_goes_on(
    client: Client, png: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(bad_files()[name])
    said = []
    for language in words.LANGUAGES:
        with pytest.raises(AppError) as caught:
            client.predict(handle_file(path), language=language, api_name="/analyze")
        said.append(str(caught.value))
    for sentence in said:
        assert re.fullmatch(r"[A-Z][^\n]+[.)]", sentence) and "Traceback" not in sentence
    assert "inglés" not in said[1] and said[0] != said[1]
    assert client.predict(handle_file(png), api_name="/analyze")[0]["label"]


# --- what others may see ---


def test_an_upload_is_gone_as_soon_as_it_is_read(page: Served, png: Path) -> None:
    path = upload(page, "patient.png", png.read_bytes())
    assert fetch(page, path).content == png.read_bytes()
    assert fetch(page, path).headers["cache-control"] == "no-store"
    assert '"label"' in call(page, path)
    assert fetch(page, path).status_code == 403 and not Path(path).exists()
    assert "event: error" in call(page, path)


def test_a_second_visitor_cannot_work_out_an_address(page: Served, png: Path) -> None:
    """Gradio names an upload by a hash of its content and a seed fixed for the installation."""
    import hashlib

    from gradio.utils import get_hash_seed

    first, second = (upload(page, "scan.png", png.read_bytes()) for _ in range(2))
    assert Path(first).parent != Path(second).parent
    guess = hashlib.sha256(get_hash_seed().encode() + png.read_bytes()).hexdigest()
    assert guess not in first and guess not in second
    assert fetch(page, str(Path(first).parents[1] / guess / "scan.png")).status_code == 403


@pytest.mark.parametrize(
    "route",
    [
        "monitoring",
        "gradio_api/deep_link?session_hash=a",
        "gradio_api/runs",
        "gradio_api/vibe-code/",
        "gradio_api/file=http://127.0.0.1/",
        "gradio_api/process_recording",
    ],
)
def test_routes_that_the_page_does_not_need_are_closed(page: Served, route: str) -> None:
    assert httpx.get(f"{page.url}{route}").status_code == 404


def test_only_what_the_page_made_is_served(page: Served) -> None:
    for path in ("/etc/passwd", str(Path(__file__).resolve()), str(EXAMPLES / "normal.png")):
        assert fetch(page, path).status_code == 403


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
    monkeypatch.setattr(memory, "_MOST_HANDED", 3)
    answers = Answers()
    notes: set[str] = {"another"}
    answers.notes = [notes]
    paths = [Path(answers.hand_out({"a.png": bytes([i])})[0]) for i in range(5)]
    assert [path.exists() for path in paths] == [False, False, True, True, True]
    assert len({path.parent for path in paths}) == 5
    notes.add(str(paths[2]))
    monkeypatch.setattr(memory, "KEPT_SECONDS", -1)
    answers.hand_out({"a.png": b""})
    assert not paths[4].exists() and notes == {"another"}


def test_redrawing_keeps_few_files(tab: AnalyzeTab, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    kept = tab.answers.get("one")
    for step in range(12):
        tab.redraw(VISITOR, "en", CONTROLS[0], step / 12, *CONTROLS[2:])
    assert kept is not None and len(list(kept.folder.rglob("*_overlay.png"))) == 4
    tab.leave(VISITOR)
    assert not kept.folder.exists() and len(tab.answers) == 0


# --- the tab's events ---


def test_an_example_stays_an_upload_goes(tab: AnalyzeTab, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert png.exists()
    copy = private_folder() / "upload" / "a.png"
    copy.parent.mkdir()
    copy.write_bytes(png.read_bytes())
    tab.read_upload(VISITOR, str(copy), "en", "", *CONTROLS)
    assert not copy.parent.exists()


def test_controls_redraw_without_the_network(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    assert np.array_equal(shown(first[tab.stage][0]), a.overlay(kind=None, show=()))
    assert np.array_equal(shown(first[tab.stage][1]), a.overlay())
    assert first[tab.label] == a.label

    def refuse(*_: Any) -> None:
        raise AssertionError("the network was run")

    monkeypatch.setattr(tiny, "forward", refuse)
    view = (["liver", "heatmap"], 0.9, "benign", "contribution", "own", "viridis")
    again = tab.redraw(VISITOR, "es", *view)
    expected = a.overlay(
        label="benign", kind="contribution", absolute=False, opacity=0.9, show=("liver",)
    )
    assert np.array_equal(shown(again[tab.stage][1]), expected)
    assert again[tab.stage][0] == first[tab.stage][0]
    assert "a favor" in again[tab.legend]
    bare = tab.redraw(VISITOR, "en", [], *view[1:])
    assert np.array_equal(shown(bare[tab.stage][1]), shown(first[tab.stage][0]))
    tab.measure(VISITOR, "es", "0,5", *UNSAID)
    tab.translate(VISITOR, "es", *view, *UNSAID)


def test_the_downloads_are_what_save_writes(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, tmp_path: Path
) -> None:
    found = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    written = {path.name: path for path in tiny.analyze(png).save(tmp_path)}
    for name in ("overlay", "lesion", "liver"):
        path = found[tab.downloads[name]]["value"]
        assert np.array_equal(shown(path), shown(str(written[Path(path).name])))
    numbers = json.loads(Path(found[tab.downloads["json"]]["value"]).read_text())
    assert set(numbers) == set(json.loads(written["scan.json"].read_text()))


def test_hiding_is_tested_after_the_answer(tab: AnalyzeTab, tiny: Analyzer, png: Path) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)[tab.answer]
    assert "hiding the lesions: …" in first
    a = tiny.analyze(png)
    tested = tab.test(VISITOR, "en")
    before, after = (
        words.number(x, "en") for x in (a.probabilities[a.label], a.evidence.hidden or 0)
    )
    assert f"hiding the lesions: {before} → {after}" in tested[tab.answer]
    assert "Lesion 1, measured:" in tested[tab.answer] and "Lesion 1," not in first
    assert a.describe()[0].word in tested[tab.answer]
    numbers = json.loads(Path(tested[tab.downloads["json"]]).read_text())
    assert numbers["evidence"]["hidden"] == pytest.approx(a.evidence.hidden, abs=1e-6)


def test_another_frame_needs_no_upload(tab: AnalyzeTab, tmp_path: Path) -> None:
    path = tmp_path / "loop.dcm"
    spec = random_spec(1, shape=(120, 160))
    to_dicom([make(replace(spec, breath_mm=mm)) for mm in (0.0, 2.0, 4.0)], path)
    first = tab.read_example(path)(VISITOR, "en", "", *CONTROLS)
    assert first[tab.frame]["visible"] and first[tab.frame]["value"] == 2
    path.unlink()
    tab.read_frame(VISITOR, 3, "en", "", *CONTROLS)
    kept = tab.answers.get("one")
    assert kept is not None and kept.answer.image.frame == 2


def test_errors_stand_where_the_file_was_dropped(
    tab: AnalyzeTab, png: Path, tmp_path: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture at all\n" * 9)
    said = tab.read_example(bad)(VISITOR, "es", "", *CONTROLS)
    assert 'role="alert"' in said[tab.note] and "El archivo contiene texto" in said[tab.note]
    assert said[tab.stage] is None and "data-value" not in said[tab.answer]
    assert len(tab.answers) == 0
    gone = tab.read_frame(VISITOR, 2, "en", "", *CONTROLS)
    assert "put away" in gone[tab.note]


def test_whatever_fails_becomes_a_sentence(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("patient Jane Doe")

    monkeypatch.setattr(tiny, "forward", fail)
    said = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert "Something went wrong" in said[tab.note] and "Jane" not in said[tab.note]


@pytest.mark.parametrize(
    ("typed", "part"),
    [("0", "more than 0"), ("-1", "more than 0"), ("abc", "no number"), ("nan", "more than 0")],
)
def test_a_spacing_that_makes_no_sense(tab: AnalyzeTab, png: Path, typed: str, part: str) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert part in unescape(tab.measure(VISITOR, "en", typed, *UNSAID)[tab.spacing_note])


def test_a_spacing_measures_again(tab: AnalyzeTab, tiny: Analyzer, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    lesion = tiny.analyze(png, mm_per_pixel=0.5).lesions[0]
    said = tab.measure(VISITOR, "es", "0,5", *UNSAID)[tab.answer]
    assert lesion.diameter_mm and lesion.width_mm
    assert words.sizes(lesion.diameter_mm, lesion.width_mm, "mm", "es") in said


def test_us_li_rads_is_asked_for_and_follows_the_millimetres(
    tab: AnalyzeTab, tiny: Analyzer, png: Path
) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    benign = first[tab.study[-1]]
    assert benign["visible"] and benign["choices"][0] == "1" and benign["value"] == []
    assert "no category" in first[tab.lirads] and "say whether" in first[tab.lirads]
    said = tab.suggest(VISITOR, "en", "yes", "no", "A", [])[tab.lirads]
    assert 'data-category=""' in said and "Not assessable" in said
    measured = tab.measure(VISITOR, "en", "5", "yes", "no", "A", [])
    assert 'data-category="US-3"' in measured[tab.lirads] and "VIS-A" in measured[tab.lirads]
    spanish = tab.translate(VISITOR, "es", *CONTROLS, "yes", "no", "A", benign["choices"])
    assert 'data-category="US-1"' in spanish[tab.lirads]
    assert "según usted" in unescape(spanish[tab.lirads])
    again = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert all(again[part]["value"] is None for part in tab.study[:-1])


@pytest.fixture
def explain(tiny: Analyzer, tab: AnalyzeTab) -> ExplainTab:
    with gr.Blocks(analytics_enabled=False):
        return ExplainTab(tiny, tab.answers, Labels(), gr.Radio())


def told(updates: list[dict[Any, Any]], component: Any) -> list[Any]:
    return [u[component] for u in updates if component in u]


def test_maps_stand_side_by_side_and_are_tested(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    methods = ["contribution", "layer-cam", "occlusion"]
    layer = tiny.layers[1]
    given = ("en", methods, "malignant", "benign", layer, True)
    updates = list(explain.run(VISITOR, *given))
    assert all(updates[0][picture] is None for picture, _ in explain.cells)
    assert [bool(told(updates, picture)[-1]) for picture, _ in explain.cells] == [
        True, True, True, False,
    ]  # fmt: skip
    a = tiny.analyze(png)
    for name, (picture, said) in zip(methods, explain.cells, strict=False):
        captions = told(updates, said)
        assert f'data-method="{name}"' in captions[1] and 'data-verdict=""' in captions[1]
        assert re.search('data-verdict="(holds|fails)"', captions[2])
        assert "Hiding the highlighted tenth" in captions[2]
        one = tiny.explain(
            a,
            name,
            label="malignant",
            against="benign",
            layer=layer if name == "layer-cam" else None,
        )
        drawn = draw.overlay(
            a.image.pixels,
            a.sector,
            a.masks,
            heat=one.map,
            scale=one.scale,
            signed=name != methods[1],
        )
        assert np.array_equal(shown(told(updates, picture)[1]), drawn)
        verdict = tiny.check(a, one)
        assert f"from {verdict.before:.2f} to {verdict.tenth:.2f}" in unescape(captions[2])
    assert "1.00" in told(updates, explain.table)[-1]
    assert any("<progress" in said for said in told(updates, explain.progress))
    assert told(updates, explain.progress)[-1] == ""


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({1: []}, "at least one"),
        ({1: list(METHODS)[:5]}, "at most four"),
        ({2: "benign", 3: "benign"}, "with itself"),
        ({4: "nowhere", 1: ["grad-cam"]}, "unknown layer"),
    ],
)
def test_what_cannot_be_explained_is_a_sentence(
    tab: AnalyzeTab, explain: ExplainTab, png: Path, change: dict[int, Any], part: str
) -> None:
    given: list[Any] = ["en", ["contribution"], "", "", "map", False]
    assert "first" in list(explain.run(VISITOR, *given))[0][explain.progress]
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    for place, value in change.items():
        given[place] = value
    assert part in list(explain.run(VISITOR, *given))[-1][explain.progress]


def test_the_layers_move_and_can_be_kept(tab: AnalyzeTab, explain: ExplainTab, png: Path) -> None:
    assert "first" in explain.layers(VISITOR, "en", "")[explain.progress]
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    found = explain.layers(VISITOR, "es", "benign")
    assert (
        "data:image/webp;base64," in found[explain.moving]
        and "Layer-CAM de" in found[explain.moving]
    )
    for form, button in explain.files.items():
        assert PIL.Image.open(found[button]["value"]).format == form.upper()


def test_a_visitor_who_leaves_stops_the_work(
    tab: AnalyzeTab, explain: ExplainTab, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    run = explain.run(VISITOR, "en", ["kernel-shap"] * 4, "", "", "map", True)
    for update in run:
        if "<progress" in str(update.get(explain.progress)):
            break
    run.close()
    start = time.monotonic()
    explain.slow.pool.submit(int).result(timeout=5)  # the thread is free again
    assert time.monotonic() - start < 2


# --- words ---


def ask(explain: ExplainTab, question: Any, language: str = "en") -> dict[Any, Any]:
    """The last update of a question."""
    return list(explain.questions._answered(VISITOR, language, question))[-1]


def test_questions_want_a_picture_first(explain: ExplainTab) -> None:
    questions = explain.questions
    for question in (questions.follow, questions.mind):
        assert "first" in ask(explain, question)[questions.progress]
    assert "first" in list(questions.begin(VISITOR, "en"))[-1][questions.progress]


def test_what_the_answer_follows_is_a_table(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    found = tiny.challenge(a)
    table = ask(explain, explain.questions.follow)[explain.questions.told]
    assert table.count("<tr") == len(found)
    for one in found:
        bad = str(one.bad).lower()
        assert f'data-change="{one.name}" data-bad="{bad}"' in table
        assert f"{one.before:.2f} → {one.after:.2f}" in table
    against = sum(c.bad for c in found)
    assert ("follows the lesion" in table) == (against == 0)
    assert "en espejo" in ask(explain, explain.questions.follow, "es")[explain.questions.told]


def test_what_would_change_its_mind_is_drawn(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    found = tiny.change_of_mind(a)
    update = ask(explain, explain.questions.mind)
    said = unescape(update[explain.questions.told])
    assert f"from {found.before:.2f} to {found.after:.2f}" in said
    assert ("changes “" in said) == found.changed
    picture = shown(update[explain.questions.picture]["value"])
    assert (picture == (255, 176, 0)).all(2).sum() > 20
    assert "Nearest" not in said  # this bundle knows none


def test_neighbours_are_listed_and_the_same_image_is_named(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    assert a.pooled is not None
    known = Neighbours.fit(np.stack([a.pooled, a.pooled + 1]), ["benign", "normal"])
    said = near(replace(a, neighbours=known.nearest(a.pooled)), "en")
    assert said.count("<li>") == 2 and "very image" in said
    other = Neighbours.fit(np.stack([a.pooled + 2, a.pooled + 3]), ["benign", "normal"])
    assert "very image" not in near(replace(a, neighbours=other.nearest(a.pooled)), "en")


def test_a_place_is_asked_about(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    questions, a = explain.questions, tiny.analyze(png)
    begun = list(questions.begin(VISITOR, "en"))[-1]
    assert "Click a lesion" in begun[questions.told]
    lesion = np.argwhere(a.lesions[0].mask)
    row, col = (int(v) for v in lesion[len(lesion) // 2])
    typed = list(questions.typed(VISITOR, "en", f"{row}, {col}"))[-1]
    assert "Lesion 1" in typed[questions.told] and typed[questions.picture]["visible"] is True
    event = gr.SelectData(None, {"index": [col, row], "value": None})
    clicked = list(questions.point(VISITOR, "en", event))[-1]
    assert clicked[questions.told] == typed[questions.told]
    away = list(questions.typed(VISITOR, "es", "0; 0"))[-1]
    assert "fuera de la imagen" in away[questions.progress]
    wrong = list(questions.typed(VISITOR, "en", "left"))[-1]
    assert "no place" in unescape(wrong[questions.progress])


def test_a_second_opinion_stands_beside_the_answer(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    other = next(k for k in a.probabilities if k != a.label)
    box = GlassBox((other, a.label), NAMES, (0.1,) * 10, (0.0,) * 10, (1.0,) * 10, 5.0, {})
    held = a.with_evidence(tiny.evidence(a))
    agrees = replace(held, glass_box=box)
    assert "speaks for the same" in html.answer(agrees, "en")
    early = replace(a, glass_box=box)
    assert "second opinion" not in html.answer(early, "en")  # not before there is time
    differs = replace(held, glass_box=replace(box, bias=-5.0))
    assert "instead, chiefly" in html.answer(differs, "en")


@pytest.fixture
def many(tiny: Analyzer, tab: AnalyzeTab) -> Iterator[BatchTab]:
    with gr.Blocks(analytics_enabled=False):
        made = BatchTab(tiny, Labels(), gr.Radio(), tab, gr.Tabs())
    yield made
    made.leave(VISITOR)


BATCH_VIEW = ("grid", "file", "", list(LAYERS), 0.6, "", "grad-cam++", "inferno")


def put(name: str, content: bytes) -> str:
    """An upload, where Gradio puts them."""
    folder = Path(tempfile.mkdtemp(dir=private_folder()))
    (folder / name).write_bytes(content)
    return str(folder / name)


def pictures_of(update: Any) -> list[tuple[str, str]]:
    return update["value"]


def test_a_batch_is_shown_sorted_and_taken_home(
    many: BatchTab, tab: AnalyzeTab, tiny: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [draw.png(make(random_spec(s, shape=(150, 200))).pixels) for s in range(5)]
    frames = [make(random_spec(s, shape=(150, 200))) for s in (7, 7)]
    paths = [put(f"{i}.png", content) for i, content in enumerate(scans)]
    paths.append(put("note.txt", b"a text that is long enough to be taken for a text, that is"))
    loop = Path(tempfile.mkdtemp(dir=private_folder())) / "loop.dcm"
    to_dicom(frames, loop)
    updates = list(many.run(VISITOR, [*paths, str(loop)], "en", *BATCH_VIEW))
    last = updates[-1]
    assert "7 pictures of 7 files" in last[many.progress]
    assert not any(Path(path).exists() for path in paths)  # moved to where they are forgotten
    shown_ = pictures_of(last[many.gallery])
    assert [caption.split(":")[0] for _, caption in shown_] == [
        "0.png", "1.png", "2.png", "3.png", "4.png", "loop.dcm [1]", "loop.dcm [2]",
    ]  # fmt: skip
    assert last[many.table].count("<tr") == 9 and "holds text" in last[many.table]
    with zipfile.ZipFile(last[many.files["zip"]]["value"]) as made:
        assert "pictures/0_overlay.png" in made.namelist()
    answers = [tiny.analyze(s) for s in map(images.decode, scans)]
    wanted = ("grid", "probability", "", [], 0.6, "", "grad-cam++", "inferno")
    redrawn = pictures_of(list(many.redraw(VISITOR, "en", *wanted))[-1][many.gallery])
    chances = {f"{i}.png": a.probabilities["malignant"] for i, a in enumerate(answers)}
    order = [name for _, c in redrawn if (name := c.split(":")[0]) in chances]
    assert order == sorted(chances, key=lambda name: -chances[name])
    assert not Path(shown_[0][0]).exists() and Path(redrawn[0][0]).is_file()
    label = answers[0].label
    few = pictures_of(
        list(many.redraw(VISITOR, "es", "one", "size", label, *BATCH_VIEW[3:]))[-1][many.gallery]
    )
    assert 1 <= len(few) <= 7
    before = pictures_of(list(many.redraw(VISITOR, "en", *BATCH_VIEW))[-1][many.gallery])
    kept_before = [Path(path).read_bytes() for path, _ in before]
    other = [*BATCH_VIEW[:6], "layer-cam", *BATCH_VIEW[7:]]  # a method that no answer holds
    updates = list(many.redraw(VISITOR, "en", *other))
    heated = pictures_of(updates[-1][many.gallery])
    assert all(
        Path(path).read_bytes() != old for (path, _), old in zip(heated, kept_before, strict=True)
    )
    for heat in many.visitors.get(str(VISITOR.session_hash)).heats.values():
        assert abs(heat.map).max() == pytest.approx(heat.scale, rel=1e-3)  # drawn at full strength
    assert updates[-2][many.progress] == "" and len(list(many.redraw(VISITOR, "en", *other))) == 1
    many.visitors.get(str(VISITOR.session_hash)).heats.clear()
    explain = many.analyzer.explain

    def once(*given: Any, **more: Any) -> Any:  # the visitor stops it after the first
        many.halt(VISITOR)
        return explain(*given, **more)

    monkeypatch.setattr(many.analyzer, "explain", once)
    updates = list(many.redraw(VISITOR, "en", *other))
    assert "6 pictures are shown without" in updates[-2][many.progress]
    assert len(pictures_of(updates[-1][many.gallery])) == 7
    list(many.redraw(VISITOR, "en", *BATCH_VIEW))
    event = gr.SelectData(None, {"index": 6, "value": None})
    assert many.choose(VISITOR, event)[many.open]["interactive"] is True
    opened = many.show(VISITOR, "en", "", *CONTROLS)
    kept = tab.answers.get(str(VISITOR.session_hash))
    assert kept is not None and kept.answer.image.source == "loop.dcm"
    assert kept.answer.image.frame == 1 and many.tabs in opened
    folder = many.visitors.get(str(VISITOR.session_hash)).folder
    many.leave(VISITOR)
    assert not folder.exists()


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ZIP of six phantoms and a table."""
    path = tmp_path_factory.mktemp("review") / "all.zip"
    lines = ["file,label,site"]
    with zipfile.ZipFile(path, "w") as made:
        for i, label in enumerate(("normal", "benign", "malignant") * 2):
            picture = make(random_spec(i, label=label, shape=(120, 160))).pixels
            made.writestr(f"x/{i}.png", draw.png(picture))
            lines.append(f"{i}.png,{label},{'AB'[i % 2]}")
        made.writestr("x/table.csv", "\n".join(lines))
        made.writestr("../../out.csv", "file,label")
    return path


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
    assert "Ningún grupo" in last[tab.told]
    assert "No group" in tab.translate(VISITOR, "en")[tab.told]
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
    known = service.rivals(analyzer, [str(elsewhere)])
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


def test_audit_answers_programs(
    client: Client, reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "audit", partial(auditing.audit, resamples=20))
    found, page = client.predict([handle_file(reviewed)], ["site"], api_name="/audit")
    assert found["about"]["images"] == 6 and found["about"]["columns"] == ["site"]
    assert "By group" in Path(page).read_text(encoding="utf-8")
    with pytest.raises(AppError, match="no column"):
        client.predict([handle_file(reviewed)], ["sex"], api_name="/audit")


def test_small_pictures_are_drawn_like_large_ones(tiny: Analyzer) -> None:
    a = tiny.analyze(make(random_spec(3, label="malignant", shape=(600, 800))).pixels)
    small = shrink(a)
    assert max(small.image.shape) == 480 and small.label == a.label
    large = cv2.resize(a.overlay(), small.image.shape[::-1], interpolation=cv2.INTER_AREA)
    assert abs(small.overlay().astype(int) - large).mean() < 6
    ours, theirs = (x.lesions[0].area_px / x.sector.sum() for x in (small, a))
    assert ours == pytest.approx(theirs, rel=0.1)


def test_a_batch_of_nothing_and_a_batch_stopped(many: BatchTab) -> None:
    last = list(many.run(VISITOR, [], "en", *BATCH_VIEW))[-1]
    assert "no file" in last[many.progress]
    assert many.choose(VISITOR, gr.SelectData(None, {"index": 0, "value": None}))
    scan_ = draw.png(make(random_spec(1, shape=(150, 200))).pixels)
    paths = [put(f"{i}.png", scan_) for i in range(60)]
    run = many.run(VISITOR, paths, "en", *BATCH_VIEW)
    next(run)
    many.halt(VISITOR)
    last = list(run)[-1]
    assert last[many.progress].count("Stopped") == 1 or "60 pictures" in last[many.progress]


def test_the_answer_says_the_numbers(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    for language in words.LANGUAGES:
        said = html.answer(a, language)
        values = dict(re.findall(r'data-label="(\w+)" data-value="([\d.]+)"', said))
        assert {k: float(v) for k, v in values.items()} == pytest.approx(a.probabilities, abs=1e-6)
        assert unescape(a.sentence(language)) in unescape(said)
        assert words.BANDS[a.band()][language] in said
        assert words.number(a.probabilities[a.label], language) in said


def test_a_files_name_is_no_html(tiny: Analyzer, scan: np.ndarray) -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(scan).save(file, "PNG")
    a = tiny.analyze(images.decode(file.getvalue(), name="<img src=x onerror=alert(1)>.png"))
    assert "<img" not in html.answer(a, "en")


def test_every_text_stands_in_every_language() -> None:
    for key, both in texts.TEXTS.items():
        assert len(both) == 2 and all(both), key
        fields = [set(re.findall(r"{(\w+)}", said)) for said in both]
        assert fields[0] == fields[1], key


def test_what_the_reader_raises_has_spanish() -> None:
    fixed = [
        str(refusals.cut_short()),
        str(refusals.damaged()),
        "This DICOM file holds no picture (it may be a report, a plan or a folder listing).",
        "This DICOM file holds a film (MPEG, H.264 or H.265); export it as single pictures.",
        "This picture is one even shade: there is nothing to see in it.",
    ]
    kinds = (b"", b"PK\3\4", b"\x1f\x8b", b"%PDF", b"\0\0\0\x18ftyp", b"<svg", b"a text")
    fixed += [str(refusals.other_kind(start)) for start in kinds]
    for size in ((5, 5), (20000, 20000)):
        with pytest.raises(ImageError) as caught:
            image.check_size(*size)
        fixed.append(str(caught.value))
    for message in fixed:
        assert "inglés" not in texts.error(message, "es"), message
        assert texts.error(message, "en") == message
    assert texts.error("Something new.", "es").endswith("Something new.")


def test_greeting_in_english_leaves_what_an_early_file_was_told(tab: AnalyzeTab) -> None:
    given = (*CONTROLS, *UNSAID)
    assert tab.note not in tab.greet(VISITOR, "en", *given)
    assert "suéltela" in unescape(tab.greet(VISITOR, "es", *given)[tab.note])


def test_the_switch_sets_every_label(tiny: Analyzer) -> None:
    service.blocks_settings()
    labels = Labels()
    with gr.Blocks(analytics_enabled=False):
        AnalyzeTab(tiny, Answers(), labels, gr.Radio(["en", "es"]))
    english, spanish = labels.updates("en"), labels.updates("es")
    same = [c.elem_id for c in labels.components if english[c] == spanish[c]]
    assert len(labels.components) > 15 and same in ([], ["example-malignant_cine"])


def test_no_address_of_another_host_is_in_what_is_ours() -> None:
    assert "http" not in style.CSS and "http" not in style.script()
    assert not style.theme()._font_css


def test_the_card_loses_its_front_matter(tiny: Analyzer) -> None:
    assert card("---\nlicense: mit\n---\n\n# Title\n\n---\nrest") == "# Title\n\n---\nrest"
    assert card("# Title\n---\n") == "# Title\n---\n"
    assert tiny.config.network.trunk in facts(tiny, "en") and "cc0-1.0" in facts(tiny, "es")


def test_a_space_says_that_it_is_shared(tiny: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    def footer() -> str:
        config = build(tiny).get_config_file()
        (found,) = [c for c in config["components"] if c["props"].get("elem_id") == "bottom"]
        return str(found["props"]["value"])

    assert "leaves this computer" in footer()
    monkeypatch.setenv("SPACE_ID", "owner/name")
    assert "shared server" in footer() and "leaves this computer" not in footer()


# --- app.py ---


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
    analyzer = service.load_for_page(str(tiny_bundle))
    assert analyzer.device.type == "cpu"
    assert analyzer.analyze(png).probabilities == pytest.approx(
        tiny.analyze(png).probabilities, abs=1e-3
    )
    assert crossed and all(type(value) is np.ndarray for value in crossed)


def test_without_spaces_it_is_load(tiny_bundle: Path) -> None:
    assert service.load_for_page(str(tiny_bundle)).name == load(tiny_bundle).name


def test_a_bundle_that_cannot_be_loaded_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    try:
        import app
    finally:
        sys.path.pop(0)
    assert app.main(["--model", str(tmp_path / "nothing")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("app.py: ") and "nothing" in said


def test_endpoints_refuse_nothing_given(tiny: Analyzer) -> None:
    with gr.Blocks(analytics_enabled=False):
        endpoints = Endpoints(tiny, Answers())
    with pytest.raises(gr.Error, match="no file was given"):
        endpoints.analyze(None)


def test_the_cards_figures_are_shown_within_the_page_and_large_ones_are_not(tmp_path) -> None:
    from hcc_xai.page.tabs import model

    assert model.card("---\na: b\n---\n# name\n\n![x](figures.png)\n\ntext\n") == "# name\n\ntext\n"
    path = tmp_path / "figures.png"
    assert model.picture(path, "what it shows") == ""
    path.write_bytes(b"\x89PNG")
    assert 'src="data:image/png;base64,iVBORw=="' in model.picture(path, "what it shows")
    path.write_bytes(b"x" * (2**21 + 1))
    assert model.picture(path, "what it shows") == ""
