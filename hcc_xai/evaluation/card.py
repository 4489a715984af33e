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
from hcc_xai.evaluation.tables import interval, table_markdown, words_of
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
    masks = bundle.config.network.masks
    lines = [
        "---",
        f"license: {bundle.config.licence}",
        "library_name: hcc-xai",
        f"pipeline_tag: image-{'segmentation' if masks else 'classification'}",
        "language:",
        "- en",
        "- es",
        "tags:",
        *(f"- {tag}" for tag in (*source.tags, *_TAGS)),
        *(("datasets:", f"- {source.name}") if source.name else ()),
        "metrics:",
        "- accuracy",
        "- roc_auc",
        *(["- dice"] if masks else []),
        "---",
    ]
    return "\n".join(lines)


def _what(bundle: Bundle, source: Source, summary: Summary) -> str:
    config, network = bundle.config, bundle.config.network
    titles = ", ".join(f"`{k}` ({config.titles[k]['en']})" for k in network.labels)
    meaning = f"{source.labels} " if source.labels else ""
    size = (bundle.path / "model.safetensors").stat().st_size / 2**20
    deep = f", and {network.deep} from the trunk's deepest level" if network.deep else ""
    return f"""# {config.name}

From one {summary.roles.words()["picture"]}, in one forward pass: {_gives(bundle, summary)}, and for
every label two heatmaps (Grad-CAM++, and the exact contribution of every place to the logit).

Labels: {titles}.

{meaning}**It is not a medical device** and must
not be used for diagnosis.

| | |
| --- | --- |
| trunk | {network.trunk} |
| map and heads | {network.channels} channels at a quarter of the input{deep}; linear heads |
| input | the field that the patient fills, grey, {network.size} x {network.size}, evened out |
| file | {size:.1f} MiB, safetensors, sha256 `{bundle.weights_sha256[:16]}` |
| trained on | {config.training.get("images", summary.n)} images |
| evaluated on | {_classes(summary)} |

```python
from hcc_xai import load

answer = load("path/to/this/folder").analyze("picture.png")
print(answer.headline(), answer.probabilities)
```"""


def _gives(bundle: Bundle, summary: Summary) -> str:
    """What an answer holds, in words."""
    words = summary.roles.words()
    names = {bundle.config.organ: words["organ"], bundle.config.network.target: words["target"]}
    masks = [names.get(mask, mask) for mask in bundle.config.network.masks]
    grades = "the labels that hold" if summary.roles.multiple else "a grade"
    return f"outlines of {' and '.join(masks)}, {grades}" if masks else grades


def _classes(summary: Summary) -> str:
    return f"{summary.n} images: " + ", ".join(
        f"{n} {label}" for label, n in summary.classes.items()
    )


def _data(bundle: Bundle, source: Source) -> str:
    network = bundle.config.network
    bullets = source.bullets(network.trunk, outlined=bool(network.masks))
    text = f"## Data and terms\n\n{bullets}"
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
    figures, words = summary.figures, words_of(summary)
    shown = f"![how the classes are told apart, outlines, evidence, behaviour]({FIGURES})\n"
    if not {"frame_auroc", "auroc"} <= set(figures):
        return f"\n{shown}"
    size = size_within = ""
    if "size_auroc" in figures:
        size = (
            f", and the size of {words['the_target']} alone with {interval(figures['size_auroc'])}"
        )
        size_within = f" (size alone: {interval(figures['size_auroc_within'])})"
    frame, network, within = (
        interval(figures[k]) for k in ("frame_auroc", "auroc", "auroc_within")
    )
    beware = (
        f"{source.scanner}: size, brightness and sharpness of the frame alone tell "
        f"{words['pair'].replace('against', 'from')} with an AUROC of {frame}{size}. The network "
        f"reaches {network}"
    )
    if len(summary.strata) > 1:
        beware = (
            f"**Beware of the figures over all {words['strata']}.** {beware} over all, and "
            f"{within} when only images of one {words['stratum']} are compared{size_within}. The "
            "last comparison is the one to judge it by."
        )
    else:
        beware = f"{beware}."
    return f"\n{beware}\n\n{shown}"


def _limits(source: Source, summary: Summary) -> str:
    small = summary.figures.get("lesion_dice_quartile_1")
    false = summary.figures.get("false_lesion_absent")
    words = words_of(summary)
    place = words["the_target"] if summary.roles.target else "a place"
    elsewhere = "" if summary.left_out else " Nothing here says how it does on another scanner."
    lines = [source.scanners + elsewhere]
    if small and small.value is not None:
        largest = interval(summary.figures["lesion_dice_quartile_4"])
        lines.append(
            f"Outlines depend on the size of {words['the_target']}: Dice {interval(small)} in the "
            f"smallest quarter, {largest} in the largest."
        )
    if false and false.value is not None:
        lines.append(
            f"{words['targets'].capitalize()} are made up in {interval(false)} of "
            f"{words['absent']} images (share)."
        )
    lines += [
        "Near-duplicates share a fold as far as the index knows them; `python -m hcc_xai data` "
        "looks for more.",
        *filter(None, [source.patients]),
        "Probabilities are raw unless the bundle holds a calibration; see Confidence.",
        f"Nothing in the bundle stops a picture that is not {words['a_picture']}, unless it holds "
        "a gate; the router that ships beside it does (`weights/router`).",
        f"A heatmap on {place} does not prove that it was used, as features see "
        "beyond their place: read the rows under Behaviour too.",
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


_USE = """## Intended use

Research and teaching: to study what such a network looks at, and how far its explanations can be
trusted. Not for diagnosis, screening, triage or any decision about a patient. Whoever tries it on
their own images should evaluate it on their own scanners first (`python -m hcc_xai evaluate`)."""
