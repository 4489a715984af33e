"""The model card of a bundle: what it is, what it was made of, how good it is, what it is not.

Every number in it comes from the summary of an evaluation (see summary.py) or from the bundle's own
config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hcc_xai.errors import DataError
from hcc_xai.evaluation.tables import show, table_markdown
from hcc_xai.files import write_whole
from hcc_xai.model.bundle import CARD, FIGURES, SHA_KEY, Bundle, load_bundle

Summary = Mapping[str, Any]


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
        BundleError: no bundle is there. DataError: the summary is of other labels.
    """
    bundle = load_bundle(folder)
    if list(bundle.config.network.labels) != summary["labels"]:
        raise DataError(
            f"the summary is of {', '.join(summary['labels'])}, the bundle of "
            f"{', '.join(bundle.config.network.labels)}"
        )
    text = (
        "\n\n".join(
            [
                _front_matter(bundle),
                _what(bundle, summary),
                _data(bundle),
                _made(bundle, commands),
                _figures(bundle, summary, rows),
                _limits(summary),
                _USE,
            ]
        )
        + "\n"
    )
    metrics = {SHA_KEY: bundle.weights_sha256, "out_of_fold": dict(summary)}
    path = Path(folder) / CARD
    write_whole(path.with_name("metrics.json"), (json.dumps(metrics, indent=1) + "\n").encode())
    write_whole(path, text.encode())
    return path


def put_section(text: str, name: str, section: str) -> str:
    """A card with a section of that name: in the place of an older one, or at its end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    made = f"{begin}\n{section.strip()}\n{end}"
    if begin in text and end in text:
        before, rest = text.split(begin, 1)
        return before + made + rest.split(end, 1)[1]
    return f"{text.rstrip()}\n\n{made}\n"


def _front_matter(bundle: Bundle) -> str:
    tags = ("ultrasound", "liver", "medical-imaging", "explainability", "grad-cam", "segmentation")
    lines = [
        "---",
        f"license: {bundle.config.licence}",
        "library_name: hcc-xai",
        "pipeline_tag: image-segmentation",
        "language:",
        "- en",
        "- es",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "datasets:",
        "- annotated-ultrasound-liver-images",
        "metrics:",
        "- accuracy",
        "- roc_auc",
        "- dice",
        "---",
    ]
    return "\n".join(lines)


def _what(bundle: Bundle, summary: Summary) -> str:
    config, network = bundle.config, bundle.config.network
    titles = ", ".join(f"`{k}` ({config.titles[k]['en']})" for k in network.labels)
    size = (bundle.path / "model.safetensors").stat().st_size / 2**20
    return f"""# {config.name}

From one B-mode ultrasound image of the liver, in one forward pass: outlines of liver and lesion, a
grade ({titles}), and for every grade two heatmaps (Grad-CAM++, and the exact contribution of every
place to the logit).

**It says "malignant liver mass", not hepatocellular carcinoma.** The data holds no histology and no
tumour grade (G1 to G3), and no public set known to us does. **It is not a medical device** and must
not be used for diagnosis.

| | |
| --- | --- |
| trunk | {network.trunk} |
| map and heads | {network.channels} channels at a quarter of the input; linear heads |
| input | the scanned sector, grey, {network.size} x {network.size}, gain and contrast evened out |
| file | {size:.1f} MiB, safetensors, sha256 `{bundle.weights_sha256[:16]}` |
| trained on | {config.training.get("images", summary["n"])} images |
| evaluated on | {_classes(summary)} |

```python
from hcc_xai import load

answer = load("path/to/this/folder").analyze("scan.png")
print(answer.headline(), answer.probabilities)
```"""


def _classes(summary: Summary) -> str:
    return f"{summary['n']} images: " + ", ".join(
        f"{n} {label}" for label, n in summary["classes"].items()
    )


def _data(bundle: Bundle) -> str:
    text = _DATA.format(trunk=bundle.config.network.trunk)
    before = bundle.config.training.get("pretrained_on")
    return f"{text}\n- Before that, pretrained on: {before}." if before else text


_DATA = """## Data and terms

- Images and outlines: Annotated Ultrasound Liver images
  (Xu et al. 2022, *Briefings in Bioinformatics*, doi [10.1093/bib/bbac569](https://doi.org/10.1093/bib/bbac569);
  [Zenodo 7272660](https://zenodo.org/records/7272660)). The text on Zenodo asks for
  acknowledgement; a mirror of the set says CC BY 4.0. Neither is a licence that we could check with
  the authors.
- Trunk: weights trained on ImageNet, as timm distributes them ({trunk}), Apache-2.0.
- No image of the set is in this repository."""


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


def _figures(bundle: Bundle, summary: Summary, rows: str) -> str:
    figures = summary["figures"]
    warning = ""
    if "frame_auroc" in figures and "auroc" in figures:
        warning = f"""
**Beware of the figures over all frame sizes.** In this data the scanner gives the class away: size,
brightness and sharpness of the frame alone tell malignant from benign with an AUROC of
{show(figures["frame_auroc"])}, and the size of the lesion alone with {show(figures["size_auroc"])}.
The network reaches {show(figures["auroc"])} over all, and {show(figures["auroc_within"])} when only
images of one frame size are compared (size alone: {show(figures["size_auroc_within"])}). The last
comparison is the one to judge it by.

![ROC, lesion Dice, evidence, free response, behaviour, frame sizes]({FIGURES})
"""
    chosen = bundle.config.training.get("chosen_on")
    honest = "Nothing was tuned on the images that are reported on."
    honest = f"Beware: {chosen}." if chosen else honest
    kept = f" The predictions are kept: {rows}." if rows else ""
    return f"""## How good it is

Each of {summary["n"]} images was answered by a network trained in the same way without its fold
(folds {", ".join(map(str, summary["folds"]))}; near-duplicates share a fold); these figures are of
those networks, not of the one that ships, which saw all images. Intervals are 95 %, from
{summary["resamples"]} bootstrap resamples by image, and do not hold the chance of another training.
{honest}{kept}
{warning}
{table_markdown(summary)}""".rstrip()


def _limits(summary: Summary) -> str:
    figures = summary["figures"]
    lines = [
        "One set, from few scanners."
        + ("" if summary.get("left_out") else " Nothing here says how it does on another scanner."),
        "Near-duplicates share a fold as far as the index knows them; `python -m hcc_xai data` "
        "looks for more.",
        '"One image per patient" is what the set says; there are no patient ids to prove it.',
        "Probabilities are raw unless the bundle holds a calibration; see Confidence.",
        "Nothing stops a picture that is no liver ultrasound, unless the bundle holds a gate.",
        "A heatmap in the lesion does not prove that the lesion was used, as features see beyond "
        "their place: read the rows under Behaviour too.",
    ]
    small, false = figures.get("lesion_dice_quartile_1"), figures.get("false_lesion_normal")
    if small and small["value"] is not None:
        lines.insert(
            1,
            f"Outlines depend on the lesion's size: Dice {show(small)} in the smallest quarter, "
            f"{show(figures['lesion_dice_quartile_4'])} in the largest.",
        )
    if false and false["value"] is not None:
        lines.insert(2, f"Lesions are made up in {show(false)} of normal images (share).")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


_USE = """## Intended use

Research and teaching: to study what such a network looks at, and how far its explanations can be
trusted. Not for diagnosis, screening, triage or any decision about a patient. Whoever tries it on
their own images should evaluate it on their own scanners first (`python -m hcc_xai evaluate`)."""
