"""What is said of a batch: its table, as HTML, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from hcc_xai.batch.run import Progress
from hcc_xai.batch.tables import Row
from hcc_xai.imaging import draw
from hcc_xai.language import errors, words
from hcc_xai.page.texts import text

Titles = Mapping[str, Mapping[str, str]]  # label -> language -> title
_MOST = 1000  # rows on the page; all are in the files


def table(rows: Sequence[Row], titles: Titles, language: str) -> str:
    """An HTML table: a row a picture, or a file that could not be read; the first thousand.

    Args:
        rows: of a batch.
        titles: label -> language -> title.
        language: of the reader.
    """
    lines = []
    for row in rows[:_MOST]:
        name = escape(row["file"])
        if "error" in row:
            lines.append(_bad(name, escape(_wrong(row, language))))
            continue
        if row["frames"] > 1:
            name += f" [{row['frame'] + 1}]"
        flags = [f for f in row["flags"] if f["severity"] != "info"]
        more = escape(" ".join(f["message"][language] for f in flags))
        if not row["accepted"]:
            lines.append(_bad(name, more))
            continue
        band = row["band"]
        dot = f'<i class="dot" style="background:{draw.BAND_COLOURS[band]}"></i>'
        chance = words.number(row["probabilities"][row["label"]], language)
        title = escape(titles[row["label"]][language])
        lines.append(
            f'<tr><th scope="row">{name}</th><td>{title}</td>'
            f"<td>{dot} {words.BANDS[band][language]} {chance}</td>"
            f"<td>{len(row['lesions'])}</td><td>{more}</td></tr>"
        )
    keys = ("col-file", "col-answer", "confidence", "lesions", "note")
    head = "".join(f"<th scope='col'>{text(key, language)}</th>" for key in keys)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _bad(name: str, reason: str) -> str:
    return f'<tr class="bad"><th scope="row">{name}</th><td colspan="4">{reason}</td></tr>'


def _wrong(row: Row, language: str) -> str:
    """Why a file could not be read."""
    return errors.said(
        row.get("error_key", ""), row["error"], row.get("error_values", {}), language
    )


def summary(total: Progress, language: str, *, most: int) -> str:
    """How a batch went, in a sentence or two.

    Args:
        total: of the batch.
        language: of the reader.
        most: pictures that the grid shows.
    """
    summary = text(
        "batch-done",
        language,
        rows=total.rows,
        files=total.files,
        failed=total.failed,
        stopped=total.stopped,
        seconds=f"{total.seconds:.0f}",
    )
    if total.done < total.files:
        summary = f"{text('stopped-by-you', language)} {summary}"
    if total.rows > most:
        summary += f" {text('batch-most', language, shown=most)}"
    return summary
