"""The model card of a bundle: what it is, what it was made of, how good it is, what it is not.

Every number in it comes from the summary of an evaluation or from the bundle's own config, and all
that it says of a data set from one value (see source.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hcc_xai.errors import DataError
from hcc_xai.evaluation.source import Source, source_of
from hcc_xai.evaluation.summary import Summary
from hcc_xai.evaluation.tables import interval, table_markdown
from hcc_xai.files import write_whole
from hcc_xai.model.bundle import CARD, FIGURES, SHA_KEY, Bundle, load_bundle

_TAGS = ("medical-imaging", "explainability", "grad-cam", "segmentation")


def card(folder: str | Path, summary: Summary, *, commands: Sequence[str], rows: str = "") -> Path:
    """Write the bundle's `README.md`, with the metadata that the Hub reads, and `metrics.json`.

    Args:
        folder: the bundle that ships, trained on all images.
        summary: of the networks trained the same way without a fold each.
        commands: the command lines that make the bundle and the figures again.
        rows: where the out-of-fold predictions are kept, if anywhere, in words.

    Returns:
        Path of the card.

    Raises:
        BundleError: no bundle is there.
        DataError: the summary is of other labels, or the config names a source that says nothing.
        ArgumentError: the config names a source with an unknown key.
    """
    bundle = load_bundle(folder)
    labels = list(bundle.config.network.labels)
    if labels != summary.labels:
        raise DataError(
            "card-other-labels",
            "the summary is of {summary}, the bundle of {bundle}",
            summary=", ".join(summary.labels),
            bundle=", ".join(labels),
        )
    source = source_of(bundle.config)
    parts = [
        _front_matter(bundle, source),
        _what(bundle, source, summary),
        _data(bundle, source),
        _made(bundle, commands),
        _figures(bundle, source, summary, rows),
        _limits(source, summary),
        _USE,
    ]
    text = "\n\n".join(parts) + "\n"
    metrics = {SHA_KEY: bundle.weights_sha256, "out_of_fold": summary.to_dict()}
    path = Path(folder) / CARD
    write_whole(path.with_name("metrics.json"), (json.dumps(metrics, indent=1) + "\n").encode())
    write_whole(path, text.encode())
    return path


def put_section(text: str, name: str, section: str) -> str:
    """A card with a section of that name: in the place of an older one, or at its end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    marked = f"{begin}\n{section.strip()}\n{end}"
    if begin in text and end in text:
        before, rest = text.split(begin, 1)
        return before + marked + rest.split(end, 1)[1]
    return f"{text.rstrip()}\n\n{marked}\n"


def _front_matter(bundle: Bundle, source: Source) -> str:
    lines = [
        "---",
        f"license: {bundle.config.licence}",
        "library_name: hcc-xai",
        "pipeline_tag: image-segmentation",
        "language:",
        "- en",
        "- es",
        "tags:",
        *(f"- {tag}" for tag in (*source.tags, *_TAGS)),
        *(("datasets:", f"- {source.name}") if source.name else ()),
        "metrics:",
        "- accuracy",
        "- roc_auc",
        "- dice",
        "---",
    ]
    return "\n".join(lines)


def _what(bundle: Bundle, source: Source, summary: Summary) -> str:
    config, network = bundle.config, bundle.config.network
    titles = ", ".join(f"`{k}` ({config.titles[k]['en']})" for k in network.labels)
    meaning = f"{source.labels} " if source.labels else ""
    size = (bundle.path / "model.safetensors").stat().st_size / 2**20
    return f"""# {config.name}

From one B-mode ultrasound image of the liver, in one forward pass: outlines of liver and lesion, a
grade ({titles}), and for every grade two heatmaps (Grad-CAM++, and the exact contribution of every
place to the logit).

{meaning}**It is not a medical device** and must
not be used for diagnosis.

| | |
| --- | --- |
| trunk | {network.trunk} |
| map and heads | {network.channels} channels at a quarter of the input; linear heads |
| input | the scanned sector, grey, {network.size} x {network.size}, gain and contrast evened out |
| file | {size:.1f} MiB, safetensors, sha256 `{bundle.weights_sha256[:16]}` |
| trained on | {config.training.get("images", summary.n)} images |
| evaluated on | {_classes(summary)} |

```python
from hcc_xai import load

answer = load("path/to/this/folder").analyze("scan.png")
print(answer.headline(), answer.probabilities)
```"""


def _classes(summary: Summary) -> str:
    return f"{summary.n} images: " + ", ".join(
        f"{n} {label}" for label, n in summary.classes.items()
    )


def _data(bundle: Bundle, source: Source) -> str:
    text = f"## Data and terms\n\n{source.bullets(bundle.config.network.trunk)}"
    before = bundle.config.training.get("pretrained_on")
    return f"{text}\n- Before that, pretrained on: {before}." if before else text


def _made(bundle: Bundle, commands: Sequence[str]) -> str:
    lines = "\n".join(commands)
    recipe = json.dumps(bundle.config.training, indent=1, ensure_ascii=False, sort_keys=True)
    return f"""## How it was made

```sh
{lines}
```

What the bundle's config says of it:

```json
{recipe}
```"""


def _figures(bundle: Bundle, source: Source, summary: Summary, rows: str) -> str:
    warning = _warning(source, summary)
    chosen = bundle.config.training.get("chosen_on")
    honest = "Nothing was tuned on the images that are reported on."
    honest = f"Beware: {chosen}." if chosen else honest
    where = f" The predictions are kept: {rows}." if rows else ""
    return f"""## How good it is

Each of {summary.n} images was answered by a network trained in the same way without its fold
(folds {", ".join(map(str, summary.folds))}; near-duplicates share a fold); these figures are of
those networks, not of the one that ships, which saw all images. Intervals are 95 %, from
{summary.resamples} bootstrap resamples by image, and do not hold the chance of another training.
{honest}{where}
{warning}
{table_markdown(summary)}""".rstrip()


def _warning(source: Source, summary: Summary) -> str:
    """What the frame alone reaches, beside the network; nothing where that was not measured."""
    if not {"frame_auroc", "auroc"} <= set(summary.figures):
        return ""
    names = ("frame_auroc", "size_auroc", "auroc", "auroc_within", "size_auroc_within")
    frame, size, network, within, size_within = (interval(summary.figures[k]) for k in names)
    return f"""
**Beware of the figures over all frame sizes.** {source.scanner}: size,
brightness and sharpness of the frame alone tell malignant from benign with an AUROC of
{frame}, and the size of the lesion alone with {size}.
The network reaches {network} over all, and {within} when only
images of one frame size are compared (size alone: {size_within}). The last
comparison is the one to judge it by.

![ROC, lesion Dice, evidence, free response, behaviour, frame sizes]({FIGURES})
"""


def _limits(source: Source, summary: Summary) -> str:
    small = summary.figures.get("lesion_dice_quartile_1")
    false = summary.figures.get("false_lesion_normal")
    elsewhere = "" if summary.left_out else " Nothing here says how it does on another scanner."
    lines = [source.scanners + elsewhere]
    if small and small.value is not None:
        largest = interval(summary.figures["lesion_dice_quartile_4"])
        lines.append(
            f"Outlines depend on the lesion's size: Dice {interval(small)} in the smallest "
            f"quarter, {largest} in the largest."
        )
    if false and false.value is not None:
        lines.append(f"Lesions are made up in {interval(false)} of normal images (share).")
    lines += [
        "Near-duplicates share a fold as far as the index knows them; `python -m hcc_xai data` "
        "looks for more.",
        *filter(None, [source.patients]),
        "Probabilities are raw unless the bundle holds a calibration; see Confidence.",
        "Nothing stops a picture that is no liver ultrasound, unless the bundle holds a gate.",
        "A heatmap in the lesion does not prove that the lesion was used, as features see beyond "
        "their place: read the rows under Behaviour too.",
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


_USE = """## Intended use

Research and teaching: to study what such a network looks at, and how far its explanations can be
trusted. Not for diagnosis, screening, triage or any decision about a patient. Whoever tries it on
their own images should evaluate it on their own scanners first (`python -m hcc_xai evaluate`)."""
