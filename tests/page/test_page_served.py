"""The page served to programs: its endpoints against Python's, and what others may see."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("gradio")

import httpx
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from page_server import Served, alike, serve
from page_tools import shown

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.auditing import audit as auditing
from hcc_xai.imaging import read as images
from hcc_xai.language import words
from hcc_xai.page.tabs.analyze_layout import EXAMPLES
from hcc_xai.phantoms.phantom import make, random_spec, to_dicom

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


@pytest.fixture(scope="module")
def page(tiny_bundle: Path) -> Iterator[Served]:
    with serve(tiny_bundle) as served:
        yield served


@pytest.fixture(scope="module")
def client(page: Served) -> Iterator[Client]:
    client = Client(page.url, verbose=False)
    yield client
    client.close()


def upload(page: Served, name: str, content: bytes) -> str:
    reply = httpx.post(f"{page.url}gradio_api/upload", files={"files": (name, content)})
    assert reply.status_code == 200
    return str(reply.json()[0])


def fetch(page: Served, path: str) -> httpx.Response:
    return httpx.get(f"{page.url}gradio_api/file={path}")


def call(page: Served, path: str) -> str:
    """`/analyze` by plain HTTP, with a path on the server; gradio_client would send the file."""
    place = f"{page.url}gradio_api/call/analyze"
    options = [None, None, None, "grad-cam++", "absolute", 0.6, "inferno", False, "en", False, None]
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = httpx.post(place, json={"data": [file, *options]}).json()["event_id"]
    return httpx.get(f"{place}/{event}", timeout=60).text


def test_only_the_api_is_public(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert set(endpoints["named_endpoints"]) == {"/analyze", "/explain", "/batch", "/audit"}
    first, *others = endpoints["named_endpoints"]["/analyze"]["parameters"]
    assert first["parameter_name"] == "file" and not first["parameter_has_default"]
    assert others and all(p["parameter_has_default"] for p in others)


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
    assert answer["evidence"]["hidden"] == pytest.approx(tiny.evidence(expected).hidden, abs=1e-6)
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


def test_audit_answers_programs(
    client: Client, reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "audit", partial(auditing.audit, resamples=20))
    found, page = client.predict([handle_file(reviewed)], ["site"], api_name="/audit")
    assert found["about"]["images"] == 6 and found["about"]["columns"] == ["site"]
    assert "By group" in Path(page).read_text(encoding="utf-8")
    with pytest.raises(AppError, match="no column"):
        client.predict([handle_file(reviewed)], ["sex"], api_name="/audit")


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
