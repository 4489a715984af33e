"""How good is it? Every image is answered by the network that was trained without it, and measured.

`out_of_fold.py` writes one row an image, `summarise` makes the figures of them, `run` does it all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.card import card
from hcc_xai.evaluation.out_of_fold import (
    fold_bundles,
    predict_folds,
    predict_strata,
    stratum_bundles,
)
from hcc_xai.evaluation.pictures import pictures
from hcc_xai.evaluation.roles import Roles
from hcc_xai.evaluation.row_type import JudgedRow, Row
from hcc_xai.evaluation.scanner_probe import scanner_probe
from hcc_xai.evaluation.summarise import summarise
from hcc_xai.evaluation.tables import table_markdown
from hcc_xai.files import write_whole
from hcc_xai.model.bundle import FIGURES, load_bundle


def run(
    data: str | Path,
    folds_dir: str | Path,
    out: str | Path,
    *,
    bundle: str | Path | None = None,
    commands: Sequence[str] = (),
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Out-of-fold predictions of all folds, and what they amount to.

    Writes `out_of_fold.jsonl`, `summary.json`, `table.md` and `figures.png` to `out`; where there
    are trainings that left a frame size out, `left_out.jsonl` too.

    Args:
        data: the data folder.
        folds_dir: a folder a fold, named by its number, that holds a bundle or what `train` left
            there; and perhaps one a frame size, named `without-` and the frame size.
        out: the folder to write to.
        bundle: where named, its model card is written with these figures.
        commands: that made it, for the card.
        report: is told one line now and then.

    Returns:
        All figures as Markdown tables.

    Raises:
        DataError: no fold is there, or one that the index does not know.
    """
    out = Path(out)
    folds = fold_bundles(folds_dir, out / "bundles")
    rows = predict_folds(folds, data, out, report=report)
    strata = stratum_bundles(folds_dir, out / "bundles")
    left_out = predict_strata(strata, data, out, report=report) if strata else []
    probe = scanner_probe(folds, data, report=report)
    report(f"{len(rows)} images answered; resampling")
    config = load_bundle(next(iter(folds.values()))).config
    roles, share = Roles.of(config), config.least_lesion_share
    judged = lesion_rule.nested(rows, share, absent=roles.absent)
    summary = replace(
        summarise(
            judged, roles=roles, left_out=_judged_by_others(left_out, rows, share, roles.absent)
        ),
        probe=probe,
        outlines=lesion_rule.fit(rows, share, absent=roles.absent) if roles.target else None,
    )
    write_whole(out / "summary.json", json.dumps(summary.to_dict(), indent=1).encode())
    text = table_markdown(summary)
    write_whole(out / "table.md", text.encode())
    pictures(judged, out / FIGURES, summary)
    if bundle is not None:
        card(bundle, summary, commands=commands)
        write_whole(Path(bundle) / FIGURES, (out / FIGURES).read_bytes())
    return text


def _judged_by_others(
    left_out: Sequence[Row], rows: Sequence[Row], share: float, absent: str | None
) -> list[JudgedRow]:
    """Rows of frame sizes that were left out, judged by limits that were fitted on the others."""
    fitted = {
        stratum: lesion_rule.fit([r for r in rows if r["stratum"] != stratum], share, absent=absent)
        for stratum in {r["stratum"] for r in left_out}
    }
    return [lesion_rule.judge(r, fitted[r["stratum"]], share) for r in left_out]
