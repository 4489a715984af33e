"""The page: `launch(models)` serves it, and `build(models)` makes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from hcc_xai.analysis.models import Answerer
    from hcc_xai.page.memory import Answers


def build(
    models: Answerer, *, answers: Answers | None = None, against: Sequence[str] = ()
) -> gr.Blocks:
    """The page as a `gr.Blocks`, ready for its `launch`; `answers` is what it remembers, `against`
    the bundles that an audit may compare it with (see `rivals`)."""
    from hcc_xai.page import gradio_settings

    settings = gradio_settings.blocks_settings()  # before Gradio makes any component
    import gradio as gr

    from hcc_xai.page import style, texts
    from hcc_xai.page.api import Endpoints
    from hcc_xai.page.labels import Labels
    from hcc_xai.page.memory import Answers
    from hcc_xai.page.rivals import rivals
    from hcc_xai.page.tabs.analyze import AnalyzeTab
    from hcc_xai.page.tabs.audit import AuditTab
    from hcc_xai.page.tabs.batch import BatchTab
    from hcc_xai.page.tabs.explain import ExplainTab
    from hcc_xai.page.tabs.model import ModelTab

    labels = Labels()
    answers = answers if answers is not None else Answers()
    others = rivals(models, against)
    page: gr.Blocks
    with gr.Blocks(title="hcc_xai", **settings) as page:
        with gr.Column(elem_id="top"):
            gr.HTML("<h1>hcc_xai</h1>", elem_id="title")
            names = [(name, key) for key, name in texts.NAMES.items()]
            language = gr.Radio(
                names, value="en", show_label=False, container=False, elem_id="language"
            )
            with gr.Tabs(elem_id="tabs") as tabs:
                with labels.add(gr.Tab(texts.i18n("analyze"), id="analyze"), label="analyze"):
                    tab = AnalyzeTab(models, answers, labels, language)
                with labels.add(gr.Tab(texts.i18n("batch"), id="batch"), label="batch"):
                    many = BatchTab(models, labels, language, tab.opener, tabs)
                with labels.add(
                    gr.Tab(texts.i18n("explain"), id="explain"), label="explain"
                ) as explain_tab:
                    explain = ExplainTab(models, answers, labels, language)
                with labels.add(gr.Tab(texts.i18n("audit"), id="audit"), label="audit"):
                    review = AuditTab(models, labels, language, others)
                with labels.add(gr.Tab(texts.i18n("model"), id="model"), label="model"):
                    ModelTab(models, labels, language)
        labels.add(gr.HTML(_footer("en"), elem_id="bottom"), value=_footer)
        Endpoints(models, answers, others)

        worded = [*labels.components, *tab.without_answer("en"), *tab.downloads.values()]
        inputs = [language, *tab.controls, *tab.study]
        quiet, redraw = gradio_settings.QUIET, gradio_settings.REDRAW
        page.load(
            tab.greet, inputs, [language, *worded], js=style.read_language(), **quiet, **redraw
        )
        language.input(tab.translate, inputs, worded, js=style.keep_language(), **quiet, **redraw)
        for event in (explain_tab.select, language.input):
            event(explain.refresh, [language], explain.refreshed, **quiet, **redraw)
        page.unload(tab.leave)
        page.unload(many.leave)
        page.unload(review.leave)
    answers.notes = page.temp_file_sets
    page.queue(max_size=200, default_concurrency_limit=4)
    return page


def launch(
    models: Answerer,
    *,
    host: str | None = None,
    port: int | None = None,
    against: Sequence[str] = (),
    **more: Any,
) -> gr.Blocks:
    """Build the page and serve it. Host and port are Gradio's own (or a Space's) unless given;
    `against`: see `build`."""
    from hcc_xai.page import gradio_settings, style, texts

    page = build(models, against=against)
    server = {"server_name": host, "server_port": port}
    settings = {
        **gradio_settings.launch_settings(),
        "i18n": texts.translator(),
        "theme": style.theme(),
        "css": style.css(),
        "js": style.script(),
        **{name: value for name, value in server.items() if value is not None},
        **more,
    }
    page.launch(**settings)
    return page


def _footer(language: str) -> str:
    from hcc_xai.page.texts import text

    place = "shared" if os.environ.get("SPACE_ID") else "stays"
    return f"<p>{text('device', language)} {text(place, language)}</p>"
