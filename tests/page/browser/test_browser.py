"""The page in Debian's chromium, as a visitor meets it; skipped where that is missing."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import httpx
from gradio_client import Client, handle_file
from page_server import TOP, Served, alike, serve
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging.draw import COLOURS
from hcc_xai.phantoms.phantom import make, random_spec

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 120_000  # ms
EXAMPLE = TOP / "examples" / "malignant.png"

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
    pytest.mark.skipif(not EXAMPLE.exists(), reason=f"there is no {EXAMPLE}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Gradio's client
]
Open = Callable[..., Page]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def served(tiny_bundle: Path) -> Iterator[Served]:
    with serve(tiny_bundle) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(served: Served, browser: Browser) -> Iterator[Open]:
    """Open the page as somebody new; at the end no request may have left this computer."""
    asked: list[str] = []
    complaints: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options}
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served.url)
        page.locator("#choose").wait_for()
        spanish = options["locale"].startswith("es")
        expect(page.locator("#language input:checked")).to_have_value("es" if spanish else "en")
        expect(page.locator("#bottom")).to_contain_text("investigación" if spanish else "Research")
        return page

    yield open_page
    for context in contexts:
        context.close()
    outside = [url for url in asked if not url.startswith((served.url, "data:", "blob:"))]
    assert asked and not outside
    assert not complaints


def choose(page: Page, *files: Any) -> None:
    page.locator("#choose-side input[type=file]").set_input_files(*files)


def answered(page: Page) -> None:
    page.locator("#answer .head").wait_for()
    page.wait_for_function(
        "() => { const i = [...document.querySelectorAll('#stage .slider-wrap img')];"
        " return i.length === 2 && i.every(x => x.complete && x.naturalWidth) }"
    )


def picture(page: Page, which: int) -> np.ndarray:
    """What the browser shows: 0 as scanned, 1 explained. (H, W, 3) uint8."""
    source = page.locator("#stage .slider-wrap img").nth(which).get_attribute("src")
    assert source
    shown = PIL.Image.open(io.BytesIO(httpx.get(source).content))
    assert shown.format == "PNG"
    return np.asarray(shown.convert("RGB"))


def count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((pixels == np.array(colour)).all(-1).sum())


def probabilities(page: Page) -> dict[str, float]:
    rows = page.locator("#answer .bars li")
    pairs = [
        (row.get_attribute("data-label"), row.get_attribute("data-value")) for row in rows.all()
    ]
    return {str(label): float(value or "nan") for label, value in pairs}


def test_an_upload_is_answered_as_the_api_answers(
    visit: Open, served: Served, tiny: Analyzer
) -> None:
    page = visit()
    choose(page, EXAMPLE)
    answered(page)
    client = Client(served.url, verbose=False)
    answer = client.predict(handle_file(EXAMPLE), api_name="/analyze")[0]
    client.close()
    assert probabilities(page) == pytest.approx(answer["probabilities"], abs=1e-5)
    expect(page.locator("#answer .sentence")).to_have_text(answer["sentence"]["en"])
    top = page.locator("#answer .bars li.top .number").inner_text()
    assert float(top) == pytest.approx(answer["probabilities"][answer["label"]], abs=0.006)
    a = tiny.analyze(EXAMPLE)
    assert alike(picture(page, 0), a.overlay(kind=None, show=()))
    explained = picture(page, 1)
    assert alike(explained, a.overlay())
    assert count(explained, COLOURS["lesion"]) > 50 < count(explained, COLOURS["organ"])
    assert count(picture(page, 0), COLOURS["lesion"]) < 5


def test_the_explained_picture_is_on_the_screen(visit: Open) -> None:
    """Not only in the file: liver outlines are seen in a screenshot, and gone while O is held."""
    page = visit()
    page.locator("#example-malignant").click()
    answered(page)

    def liver() -> int:
        shot = PIL.Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")
        away = np.abs(np.asarray(shot).astype(int) - np.array(COLOURS["organ"])).sum(-1)
        return int((away < 60).sum())

    def settled() -> int:
        """Once the page has stopped moving."""
        seen = [-1, liver()]
        while seen[-1] != seen[-2]:
            assert len(seen) < 40
            page.wait_for_timeout(250)
            seen.append(liver())
        return seen[-1]

    before = settled()
    assert before > 100
    page.keyboard.down("o")
    page.wait_for_timeout(500)
    assert liver() < before / 5
    page.keyboard.up("o")
    assert settled() == before
    page.locator("#measure > button").click()
    page.locator("#spacing input").focus()
    page.keyboard.type("o")
    assert not page.evaluate("document.body.classList.contains('peek')")


def test_controls_redraw(visit: Open, tiny: Analyzer) -> None:
    page = visit()
    choose(page, EXAMPLE)
    answered(page)
    a = tiny.analyze(EXAMPLE)
    first = page.locator("#stage .slider-wrap img").nth(1)

    def after(action: Callable[[], None]) -> np.ndarray:
        old = str(first.get_attribute("src"))
        action()
        expect(first).not_to_have_attribute("src", old)
        return picture(page, 1)

    bare = after(lambda: page.get_by_label("heatmap", exact=True).uncheck())
    assert alike(bare, a.overlay(kind=None))
    assert count(bare, COLOURS["lesion"]) > count(picture(page, 0), COLOURS["lesion"]) + 50
    no_lesion = after(lambda: page.get_by_label("lesion", exact=True).uncheck())
    assert alike(no_lesion, a.overlay(kind=None, show=("liver",)))
    after(lambda: page.get_by_label("heatmap", exact=True).check())
    shown = after(lambda: page.get_by_label("contribution", exact=True).check())
    assert alike(shown, a.overlay(kind="contribution", show=("liver",)))
    expect(page.locator("#legend")).to_contain_text("against")
    expect(page.locator("#colours input")).to_be_disabled()


def test_the_language_follows_the_browser_and_the_switch(visit: Open, tiny: Analyzer) -> None:
    page = visit(locale="es-MX")
    choose(page, EXAMPLE)
    answered(page)
    a = tiny.analyze(EXAMPLE)
    said = page.locator("#answer .sentence")
    expect(said).to_have_text(a.sentence("es"))
    expect(page.locator("#choose")).to_have_text("Elegir una imagen")
    assert re.search(r"\d,\d\d", page.locator("#answer .bars").inner_text())
    assert page.evaluate("document.documentElement.lang") == "es"
    page.locator("#language").get_by_text("English").click()
    expect(said).to_have_text(a.sentence("en"))
    for name, words in (("#choose", "Choose a picture"), ("#opacity", "Heatmap opacity")):
        expect(page.locator(name)).to_contain_text(words)
    expect(page.locator("#map")).to_contain_text("contribution")
    expect(page.get_by_role("tab").first).to_have_text("Analyze")
    expect(page.locator("#bottom")).to_contain_text("not a medical device")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.reload()
    expect(page.locator("#language input:checked")).to_have_value("en")


def test_a_screen_reader_hears_what_was_found(visit: Open, tiny: Analyzer) -> None:
    page = visit()
    page.locator("#example-benign").click()
    answered(page)
    a = tiny.analyze(TOP / "examples" / "benign.png")
    spoken = page.locator("#spoken")
    expect(spoken).to_have_attribute("aria-live", "polite")
    expect(spoken).to_contain_text(a.sentence("en"))
    explained = page.locator("#stage .slider-wrap img").nth(1)
    expect(explained).to_have_attribute("alt", re.compile(re.escape(a.sentence("en"))))
    for row in page.locator("#answer .sign").all():
        assert row.get_attribute("aria-label")


def test_by_keyboard_alone(visit: Open) -> None:
    page = visit()
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
        if reached[-1] == "example-malignant":
            break
    assert reached.index("choose") < reached.index("example-malignant")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    answered(page)
    handle = page.locator("#stage [role=slider]")
    expect(handle).to_have_attribute("aria-valuenow", "0")
    clip = "document.querySelectorAll('#stage .slider-wrap img')[1].style.clipPath"
    before = page.evaluate(clip)
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "20")
    assert page.evaluate(clip) != before
    lesion = page.get_by_label("lesion", exact=True)
    source = str(page.locator("#stage .slider-wrap img").nth(1).get_attribute("src"))
    lesion.focus()
    page.keyboard.press("Space")
    expect(page.locator("#stage .slider-wrap img").nth(1)).not_to_have_attribute("src", source)


def test_a_phone_stacks_picture_answer_controls(visit: Open) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    for answer in (False, True):
        if answer:
            page.locator("#example-malignant").tap()
            answered(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = [page.locator(name).bounding_box() for name in ("#stage-wrap", "#answer", "#controls")]
    assert all(tops) and [box["y"] for box in tops if box] == sorted(b["y"] for b in tops if b)
    for tab in page.get_by_role("tab").all():
        assert tab.is_visible()


def test_the_picture_does_not_jump(visit: Open) -> None:
    page = visit()
    place = page.locator("#stage-wrap").bounding_box()
    assert place and place["width"] > 720
    page.locator("#example-malignant").click()
    answered(page)
    assert page.locator("#stage-wrap").bounding_box() == place
    choose(page, {"name": "bad.png", "mimeType": "image/png", "buffer": b"no picture\n" * 20})
    page.locator("#note .bad").wait_for()
    assert page.locator("#stage-wrap").bounding_box() == place


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text.png", b"no picture at all\n" * 20, "holds text"),
        ("empty.png", b"", "is empty"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "SVG"),
        ("cut.png", None, "cut short"),
    ],
)
def test_a_bad_file_gives_a_sentence_and_the_service_goes_on(
    visit: Open, name: str, content: bytes | None, said: str
) -> None:
    page = visit()
    content = EXAMPLE.read_bytes()[:9000] if content is None else content
    choose(page, {"name": name, "mimeType": "image/png", "buffer": content})
    note = page.locator("#note [role=alert]")
    expect(note).to_contain_text(said)
    assert "Traceback" not in page.content()
    choose(page, EXAMPLE)
    answered(page)
    expect(note).to_have_count(0)


@pytest.mark.parametrize("name", ["🩻.png", "a/b\\c.png", "line\nbreak.png", "x" * 240 + ".png"])
def test_odd_names_are_no_obstacle(visit: Open, name: str) -> None:
    page = visit()
    choose(page, {"name": name, "mimeType": "image/png", "buffer": EXAMPLE.read_bytes()})
    answered(page)
    expect(page.locator("#get-json")).to_be_enabled()


def test_a_dropped_and_a_pasted_file_are_read(visit: Open) -> None:
    page = visit()
    code = EXAMPLE.read_bytes().hex()
    give = """([kind, code]) => {
      const bytes = Uint8Array.from(code.match(/../g).map((x) => parseInt(x, 16)));
      const box = new DataTransfer();
      box.items.add(new File([bytes], "given.png", {type: "image/png"}));
      const event = kind === "drop"
        ? new DragEvent("drop", {dataTransfer: box, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: box, bubbles: true, cancelable: true});
      document.querySelector("#answer").dispatchEvent(event);
    }"""
    for kind in ("drop", "paste"):
        page.reload()
        page.locator("#answer .waiting").wait_for()
        expect(page.locator("#bottom")).to_contain_text("Research")
        page.evaluate(give, [kind, code])
        answered(page)


def test_downloads_are_named_by_the_file(visit: Open, tiny: Analyzer, tmp_path: Path) -> None:
    page = visit()
    scan = tmp_path / "case 7.png"
    PIL.Image.fromarray(make(random_spec(3, shape=(150, 200))).pixels).save(scan)
    choose(page, scan)
    answered(page)
    a = tiny.analyze(scan)
    for name, mask in (("lesion", "lesion"), ("organ", "liver")):
        with page.expect_download() as found:
            page.locator(f"#get-{name}").click()
        assert found.value.suggested_filename == f"case 7_{mask}.png"
        drawn = np.asarray(PIL.Image.open(found.value.path())) > 0
        assert alike(drawn, a.masks[mask])


def test_frames_of_a_loop(visit: Open) -> None:
    page = visit()
    page.locator("#example-malignant_cine").click()
    answered(page)
    about = page.locator("#answer .about")
    expect(about).to_contain_text("frame 4 of 6")
    page.locator("#frame input[type=number]").fill("1")
    expect(about).to_contain_text("frame 1 of 6")
    page.locator("#example-normal").click()
    expect(page.locator("#frame")).to_be_hidden()


def test_millimetres_typed_in(visit: Open) -> None:
    page = visit()
    page.locator("#example-malignant").click()
    answered(page)
    expect(page.locator("#answer .lesions")).to_contain_text("px")
    page.locator("#measure > button").click()
    page.wait_for_timeout(1000)  # what an accordion holds is mounted when it opens
    page.locator("#spacing input").fill("0.5")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .lesions")).to_contain_text("mm")
    page.locator("#spacing input").fill("soon")
    page.keyboard.press("Enter")
    expect(page.locator("#spacing-note")).to_contain_text("no number")


def test_a_line_of_known_length_gives_the_millimetres(visit: Open) -> None:
    page = visit()
    page.locator("#example-malignant").click()
    answered(page)
    page.locator("#measure > button").click()
    page.locator("#mark").click()
    image = page.locator("#stage .slider-wrap img").first
    shown = image.evaluate(
        "i => Math.min(i.getBoundingClientRect().width / i.naturalWidth,"
        " i.getBoundingClientRect().height / i.naturalHeight)"
    )
    box = image.bounding_box()
    assert box is not None
    row, col = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    page.mouse.click(col - 60, row)
    expect(page.locator("#ruler-says")).to_contain_text("other end")
    page.mouse.click(col + 60, row)
    expect(page.locator("#ruler-says")).to_contain_text("length in mm")
    page.keyboard.type("40")  # the field has the focus
    page.keyboard.press("Tab")
    expect(page.locator("#answer .lesions")).to_contain_text("mm")
    mm = float(page.locator("#spacing input").input_value())
    assert mm == pytest.approx(40 * shown / 120, rel=0.02)
    expect(page.locator("#ruler")).to_have_count(0)
    page.locator("#at-risk label").first.click()
    expect(page.locator("#lirads p")).to_have_attribute("data-category", "US-3")
    page.locator("#mark").click()
    page.keyboard.press("Escape")
    assert not page.evaluate("document.body.classList.contains('marking')")


def test_explanations_side_by_side(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Explain").click()
    expect(page.locator("#explain-grid .cell:visible")).to_have_count(0)
    page.locator("#explain-go").click()
    expect(page.locator("#explain-progress")).to_contain_text("first")
    page.get_by_role("tab", name="Analyze").click()
    page.locator("#example-malignant").click()
    answered(page)
    page.get_by_role("tab", name="Explain").click()
    page.locator("#explain-go").click()
    cells = page.locator("#explain-grid .cell:visible")
    expect(cells).to_have_count(2)
    verdict = "[data-verdict=holds], [data-verdict=fails]"
    expect(page.locator(f"#explain-grid :is({verdict})")).to_have_count(2, timeout=60_000)
    images = page.locator("#explain-grid img")
    expect(images.first).to_have_attribute("alt", re.compile("Grad-CAM"))
    images.first.hover()
    page.mouse.wheel(0, -300)
    for image in images.all():
        expect(image).to_have_attribute("style", re.compile(r"scale\(1\.2\)"))
    page.keyboard.press("0")
    expect(images.nth(1)).to_have_attribute("style", re.compile(r"scale\(1\)"))


def test_further_questions(visit: Open) -> None:
    page = visit()
    page.locator("#example-malignant_two").click()
    answered(page)
    page.get_by_role("tab", name="Explain").click()
    page.locator("#ask-follow").click()
    expect(page.locator(".challenges tr").first).to_be_visible(timeout=60_000)
    assert page.locator(".challenges tr").count() > 8
    page.locator("#ask-mind").click()
    expect(page.locator("#asked-told")).to_contain_text("Painting over", timeout=60_000)
    page.locator("#ask-outline").click()
    expect(page.locator("#asked-told")).to_contain_text("Click a lesion")
    image = page.locator("#asked-picture img")
    expect(image).to_be_visible()
    box = image.bounding_box()
    assert box is not None
    image.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    expect(page.locator("#asked-told")).to_contain_text("the network gives this place")
    page.locator("#ask-place input, #ask-place textarea").fill("1, 1")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-progress")).to_contain_text("outside the scan")


def test_many_files_at_once(visit: Open, tmp_path: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="Batch").click()
    examples = sorted((Path(__file__).parents[3] / "examples").glob("*.png"))
    note = tmp_path / "note.txt"
    note.write_text("a text that is long enough to be taken for a text, and for no picture")
    with page.expect_file_chooser() as chooser:
        page.locator("#batch-files").click()
    chooser.value.set_files([*examples, note])
    expect(page.locator("#batch-progress")).to_contain_text("files answered", timeout=120_000)
    expect(page.locator("#batch-table .bad")).to_contain_text("holds text")
    thumbs = page.locator("#batch-gallery .thumbnail-item")
    expect(thumbs).to_have_count(len(examples))
    thumbs.nth(0).click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#batch-gallery .caption").first).to_contain_text(examples[1].name)
    page.locator("#batch-open").click()
    expect(page.locator("#answer .about")).to_contain_text(examples[1].name)


def test_the_model_tab_shows_the_card(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("#card")).to_contain_text("Random weights, for tests.")
    expect(page.locator("#facts")).to_contain_text("mobilenetv3_small_050")


def test_a_wide_table_of_the_card_is_moved_sideways_on_a_phone(visit: Open) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.get_by_role("tab", name="Model").click()
    cell = page.locator("#card td", has_text="1024x768").last
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None and box["height"] < 40  # a word is not broken into its letters
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
