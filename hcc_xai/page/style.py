"""How the page looks and what its browser side does: theme, CSS and scripts, which lie in `static`.

Python fills in what it knows: colours, as custom properties of the CSS; the limit of an upload and
the words that the scripts say, as one JSON object. Fonts are the reader's own.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from hcc_xai.imaging.read import MAX_BYTES
from hcc_xai.page.texts import FALLBACK, NAMES, TEXTS

if TYPE_CHECKING:
    import gradio as gr

_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
_MONO = ["ui-monospace", "Consolas", "Liberation Mono", "monospace"]
# Of the theme, and of the CSS as --hcc-dark, --hcc-panel and so on.
COLOURS = {
    "dark": "#0b0d10",
    "panel": "#12161b",
    "field": "#1a2027",
    "line": "#2a323c",
    "ink": "#e6e9ed",
    "faint": "#9aa5b1",
    "accent": "#56B4E9",
}
_SCRIPTS = ("page.js", "intake.js", "stage.js", "ruler.js", "zoom.js", "describe.js")
# Keys of the texts that the scripts say.
_WORDS = (
    "file-error",
    "too-large",
    "upload-failed",
    "as-scanned",
    "stage",
    "mark-start",
    "mark-end",
    "mark-length",
)


def theme() -> gr.themes.Base:
    """Dark by day and night: scans are read in dark rooms."""
    import gradio as gr

    one = {
        "body_background_fill": COLOURS["dark"],
        "body_text_color": COLOURS["ink"],
        "body_text_color_subdued": COLOURS["faint"],
        "background_fill_primary": COLOURS["dark"],
        "background_fill_secondary": COLOURS["panel"],
        "block_background_fill": COLOURS["panel"],
        "block_border_color": COLOURS["line"],
        "block_label_background_fill": COLOURS["panel"],
        "block_label_text_color": COLOURS["faint"],
        "block_title_text_color": COLOURS["faint"],
        "border_color_primary": COLOURS["line"],
        "border_color_accent": COLOURS["accent"],
        "input_background_fill": COLOURS["field"],
        "input_border_color": COLOURS["line"],
        "panel_background_fill": COLOURS["panel"],
        "button_secondary_background_fill": COLOURS["field"],
        "button_secondary_text_color": COLOURS["ink"],
        "button_secondary_background_fill_hover": COLOURS["line"],
        "button_secondary_border_color": COLOURS["line"],
        "button_primary_background_fill": "#1f5f86",
        "button_primary_background_fill_hover": "#27739f",
        "button_primary_text_color": "#ffffff",
        "checkbox_background_color": COLOURS["field"],
        "checkbox_background_color_selected": "#1f78ad",
        "checkbox_border_color": "#5b6876",
        "checkbox_label_background_fill": COLOURS["field"],
        "checkbox_label_background_fill_selected": COLOURS["field"],
        "checkbox_label_text_color": COLOURS["ink"],
        "checkbox_label_text_color_selected": COLOURS["ink"],
        "color_accent_soft": COLOURS["field"],
        "slider_color": COLOURS["accent"],
        "link_text_color": COLOURS["accent"],
        "table_even_background_fill": COLOURS["panel"],
        "table_odd_background_fill": COLOURS["panel"],
        "code_background_fill": COLOURS["field"],
        "shadow_drop": "none",
    }
    both = {**one, **{f"{name}_dark": value for name, value in one.items()}}
    base = gr.themes.Base(
        font=_FONT,
        font_mono=_MONO,
        primary_hue="sky",
        neutral_hue="slate",
        text_size="sm",
        spacing_size="sm",
        radius_size="sm",
    )
    known = set(vars(base))
    return base.set(**{name: value for name, value in both.items() if name in known})


def css() -> str:
    """The page's CSS, with its colours."""
    colours = "".join(f"  --hcc-{name}: {value};\n" for name, value in COLOURS.items())
    return f":root {{\n{colours}}}\n{_static('page.css')}"


def script() -> str:
    """A JavaScript function without arguments, which Gradio calls when the page is there."""
    page = {
        "limit": MAX_BYTES,
        "words": {key: TEXTS[key] for key in _WORDS},
        "names": list(NAMES.values()),
    }
    code = "\n".join(_static(name) for name in _SCRIPTS)
    return f"() => {{\n{code}\nstart({json.dumps(page, ensure_ascii=False)});\n}}"


def read_language() -> str:
    """A JavaScript function of an event's inputs, the language first: it puts the visitor's there,
    which was chosen before, or is the browser's."""
    known = json.dumps([list(NAMES), FALLBACK])
    return _with_language(f"readLanguage(...{known})")


def keep_language() -> str:
    """A JavaScript function of an event's inputs, the language first: it keeps it for next time."""
    return _with_language("keepLanguage(language)")


def _with_language(first: str) -> str:
    code = _static("language.js")
    return f"(language, ...others) => {{\n{code}\nreturn [{first}, ...others];\n}}"


def _static(name: str) -> str:
    return (files("hcc_xai.page") / "static" / name).read_text(encoding="utf-8")
