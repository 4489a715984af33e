"""The tab "Audit": a reviewer's own images and table, what was understood, and the document."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import Answerer
from hcc_xai.auditing import audit as auditing
from hcc_xai.auditing.document import summary
from hcc_xai.auditing.measure import OWN
from hcc_xai.auditing.table import Table, read_table
from hcc_xai.auditing.terms import column
from hcc_xai.errors import HccXaiError
from hcc_xai.language import errors
from hcc_xai.page.gradio_settings import BATCH, QUIET
from hcc_xai.page.inputs import unpack
from hcc_xai.page.labels import Choice, Labels
from hcc_xai.page.memory import Visitors, new_folder
from hcc_xai.page.progress import Slow, Tell, Updates, line
from hcc_xai.page.tabs.analyze_layout import kind_list
from hcc_xai.page.texts import i18n, text

_VISITORS = 4  # whose tables are remembered; the oldest go first


@dataclass
class _Kept:
    folder: Path
    table: Table
    model: Analyzer
    audit: auditing.Audit | None = None  # once it ran


class AuditTab:
    """Builds the tab within a `gr.Blocks`."""

    def __init__(
        self,
        models: Answerer,
        labels: Labels,
        language: gr.Radio,
        rivals: Mapping[str, str] | None = None,
    ) -> None:
        self.models, self.slow, self.rivals = models, Slow(), rivals or {}
        self.visitors = Visitors[_Kept](_VISITORS)
        with gr.Column(elem_id="audit-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="audit-intro"), value=_intro)
            with gr.Row(elem_id="audit-intake"):
                choose = gr.UploadButton(
                    i18n("audit-files"),
                    file_count="multiple",
                    type="filepath",
                    size="sm",
                    variant="primary",
                    elem_id="audit-files",
                )
                labels.add(choose, label="audit-files")
                go = gr.Button(i18n("audit-go"), size="sm", interactive=False, elem_id="audit-go")
                self.go = labels.add(go, value="audit-go")
                stop = gr.Button(i18n("explain-stop"), size="sm", elem_id="audit-stop")
                labels.add(stop, value="explain-stop")
                self.files = {
                    form: gr.DownloadButton(
                        form.upper(), size="sm", interactive=False, elem_id=f"audit-{form}"
                    )
                    for form in ("html", "json")
                }
            kind = kind_list(models.kinds, labels, "audit-kind", value=models.kinds[0])
            by = gr.CheckboxGroup([], label=i18n("audit-by"), visible="hidden", elem_id="audit-by")
            self.by = labels.add(by, label="audit-by")
            rival = gr.Dropdown(
                [("–", ""), *((name, name) for name in self.rivals)],
                value="",
                label=i18n("audit-against"),
                visible=bool(self.rivals),
                elem_id="audit-against",
            )
            labels.add(rival, label="audit-against")
            self.progress = gr.HTML("", elem_id="audit-progress")
            self.told = gr.HTML("", elem_id="audit-told")
        shown = [self.progress, self.told, *self.files.values()]
        choose.upload(self.read, [choose, language, kind], [*shown, self.by, self.go], **QUIET)
        started = go.click(self.run, [language, self.by, rival], shown, **QUIET, **BATCH)
        stop.click(self.halt, [language], [self.progress], cancels=[started], **QUIET)
        language.input(self.translate, [language], [self.told, self.by], **QUIET)

    def read(
        self, request: gr.Request, paths: Sequence[str] | None, language: str, kind: str = ""
    ) -> Updates:
        """Images and a table were chosen, of a kind (the first by default): say what was
        understood, before anything runs."""
        session = str(request.session_hash)
        folder = new_folder()
        off: Updates = {
            self.told: "",
            self.by: gr.update(choices=[], value=[], visible="hidden"),
            self.go: gr.update(interactive=False),
            **{button: gr.update(value=None, interactive=False) for button in self.files.values()},
        }
        try:
            source = unpack(paths or (), folder)
            model = self.models.of(kind or self.models.kinds[0])
            table = read_table(source, model.config.network.labels)
        except HccXaiError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return off | {self.progress: line(errors.say(error, language), bad=True)}
        self.visitors.put(session, _Kept(folder, table, model))
        ready = text("audit-ready", language, n=len(table.cases))
        return off | {
            self.progress: line(ready),
            self.told: _understood(table, language),
            self.by: gr.update(
                choices=_columns(table, language),
                value=list(table.columns or OWN),
                visible=True,
            ),
            self.go: gr.update(interactive=True),
        }

    def run(
        self, request: gr.Request, language: str, by: list[str], against: str = ""
    ) -> Iterator[Updates]:
        """Audit what was chosen, and hand out the document."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None:
            yield {self.progress: line(text("gone", language), bad=True)}
            return

        def work(tell: Tell) -> auditing.Audit:
            other = self.rivals.get(against)
            return auditing.audit(kept.model, kept.table, by=by, other=other, progress=tell)

        try:
            title = text("audit-going", language)
            audit = yield from self.slow.wait(work, title, language, self.progress)
            page = audit.to_html(kept.folder / "audit.html")
            numbers = kept.folder / "audit.json"
            numbers.write_text(json.dumps(audit.to_dict(), indent=1), encoding="utf-8")
        except HccXaiError as error:
            yield {self.progress: line(errors.say(error, language), bad=True)}
            return
        except FileNotFoundError:  # other files came in between
            yield {self.progress: line(text("gone", language), bad=True)}
            return
        kept.audit = audit
        yield {
            self.progress: "",
            self.told: summary(audit.to_dict(), language),
            self.files["html"]: gr.update(value=str(page), interactive=True),
            self.files["json"]: gr.update(value=str(numbers), interactive=True),
        }

    def translate(self, request: gr.Request, language: str) -> Updates:
        """What stands there, in the other language."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None:
            return {self.told: gr.skip()}
        told = _understood(kept.table, language)
        if kept.audit is not None:
            told = summary(kept.audit.to_dict(), language)
        return {self.told: told, self.by: gr.update(choices=_columns(kept.table, language))}

    def halt(self, language: str) -> str:
        """What is said when the visitor stops it."""
        return line(text("stopped-by-you", language))

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nothing of the visitor stays."""
        self.visitors.drop(str(request.session_hash))


def _columns(table: Table, language: str) -> list[Choice]:
    """What groups can be made of: in words, and by name."""
    names = (*table.columns, *(c for c in OWN if c not in table.columns))
    return [(column(name, language), name) for name in names]


def _understood(table: Table, language: str) -> str:
    lines = "".join(f"<li>{escape(words[language])}</li>" for words in table.said)
    return f"<h3>{text('audit-understood', language)}</h3><ul>{lines}</ul>"


def _intro(language: str) -> str:
    return f"<p>{text('audit-intro', language)}</p>"
