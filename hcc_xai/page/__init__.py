"""The page: `launch(analyzer)` serves it, `build(analyzer)` makes it. One file per tab; settings in `service`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from hcc_xai.analysis import Analyzer


def build(analyzer: Analyzer) -> gr.Blocks:
    """The page as a `gr.Blocks`, ready for `launch`."""
    from hcc_xai.page import service

    settings = service.blocks_settings()  # before Gradio makes any component
    import gradio as gr

    from hcc_xai.page import style, texts
    from hcc_xai.page.analyze import AnalyzeTab
    from hcc_xai.page.labels import Labels
    from hcc_xai.page.model import ModelTab

    answers, labels, i18n = service.Answers(), Labels(), gr.I18n(**texts.translations())
    with gr.Blocks(title="hcc_xai", **settings) as page:
        page.i18n = i18n
        with gr.Column(elem_id="top"):
            gr.HTML("<h1>hcc_xai</h1>", elem_id="title")
            language = gr.Radio([(name, key) for key, name in texts.NAMES.items()], value="en", show_label=False,
                                container=False, elem_id="language")
            with gr.Tabs(elem_id="tabs"):
                with labels.add(gr.Tab(i18n("analyze"), id="analyze"), label="analyze"):
                    tab = AnalyzeTab(analyzer, answers, labels, language, i18n)
                with labels.add(gr.Tab(i18n("model"), id="model"), label="model"):
                    ModelTab(analyzer, labels)
        labels.add(gr.HTML(_footer("en"), elem_id="bottom"), value=_footer)

        def greet(chosen: str) -> dict[Any, Any]:
            return {language: chosen, **labels.updates(chosen), **tab.translate_empty(chosen)}

        def switch(chosen: str, *view: Any, request: gr.Request) -> dict[Any, Any]:
            return {**labels.updates(chosen), **tab.translate(chosen, *view, request=request)}

        def leave(request: gr.Request) -> None:
            answers.drop(str(request.session_hash))

        written = [*labels.components, tab.answer, tab.legend, tab.spoken, tab.note, tab.spacing_note]
        quiet: dict[str, Any] = {"show_progress": "hidden", **service.HIDDEN, **service.REDRAW}
        page.load(greet, [language], [language, *written], js=style.READ_LANGUAGE, **quiet)
        language.input(switch, [language, *tab.controls], written, js=style.KEEP_LANGUAGE, **quiet)
        page.unload(leave)
    answers.file_sets = page.temp_file_sets
    page.answers = answers
    page.queue(max_size=200, default_concurrency_limit=4)
    return page


def launch(analyzer: Analyzer, *, host: str | None = None, port: int | None = None, **more: Any) -> gr.Blocks:
    """Build the page and serve it. Host and port are Gradio's own (or a Space's) unless given."""
    from hcc_xai.page import service, style

    page = build(analyzer)
    where = {name: value for name, value in (("server_name", host), ("server_port", port)) if value is not None}
    page.launch(**{**service.launch_settings(), "i18n": page.i18n, "theme": style.theme(), "css": style.CSS,
                   "js": style.script(), **where, **more})
    return page


def _footer(language: str) -> str:
    from hcc_xai.page.texts import text

    place = "shared" if os.environ.get("SPACE_ID") else "stays"
    return f"<p>{text('device', language)} {text(place, language)}</p>"
