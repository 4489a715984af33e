"""What is said of a batch: its table, as HTML, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from hcc_xai.batch.run import Progress
from hcc_xai.batch.tables import Row
from hcc_xai.imaging import draw
from hcc_xai.language import errors, words
from hcc_xai.page.tabs.analyze_layout import kind_choices
from hcc_xai.page.texts import text

Titles = Mapping[str, Mapping[str, str]]  # label -> language -> title
_MOST = 1000  # rows on the page; all are in the files


def table(
    rows: Sequence[Row], titles: Callable[[str], Titles], kinds: Sequence[str], language: str
) -> str:
    """An HTML table: a row a picture, or a file that could not be read; the first thousand.

    Args:
        rows: of a batch.
        titles: of a kind, label -> language -> title.
        kinds: of picture that may be among them; of several, each row says its own.
        language: of the reader.
    """
    lines = []
    several = dict((name, word) for word, name in kind_choices(kinds, language))
    several = several if len(kinds) > 1 else {}
    wide = 4 + bool(several)
    for row in rows[:_MOST]:
        name = escape(row["file"])
        if "error" in row:
            lines.append(_bad(name, escape(_wrong(row, language)), wide))
            continue
        if row["frames"] > 1:
            name += f" [{row['frame'] + 1}]"
        flags = [f for f in row["flags"] if f["severity"] != "info"]
        more = escape(" ".join(f["message"][language] for f in flags))
        if not row["accepted"]:
            lines.append(_bad(name, more, wide))
            continue
        band = row["band"]
        dot = f'<i class="dot" style="background:{draw.BAND_COLOURS[band]}"></i>'
        chance = words.number(row["probabilities"][row["label"]], language)
        title = escape(words.pick(titles(row["kind"])[row["label"]], language))
        kind = f"<td>{escape(several[row['kind']])}</td>" if several else ""
        lines.append(
            f'<tr><th scope="row">{name}</th>{kind}<td>{title}</td>'
            f"<td>{dot} {words.BANDS[band][language]} {chance}</td>"
            f"<td>{len(row['lesions'])}</td><td>{more}</td></tr>"
        )
    named = ["col-kind"] if several else []
    keys = ("col-file", *named, "col-answer", "confidence", "lesions", "note")
    head = "".join(f"<th scope='col'>{text(key, language)}</th>" for key in keys)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _bad(name: str, reason: str, wide: int) -> str:
    return f'<tr class="bad"><th scope="row">{name}</th><td colspan="{wide}">{reason}</td></tr>'


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
