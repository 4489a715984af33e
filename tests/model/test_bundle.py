"""A bundle survives being saved; each fault of its folder has its sentence."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_tools import (
    CARD_TEXT,
    FILE_FAULTS,
    TINY,
    change_config,
    tiny_config,
)
from safetensors.torch import load, save_file

from hcc_xai.errors import BundleError
from hcc_xai.model.bundle import (
    CONFIG,
    OPTIONAL,
    REQUIRED,
    WEIGHTS,
    BundleConfig,
    default_model,
    load_bundle,
    save_bundle,
)
from hcc_xai.model.config import FORMAT
from hcc_xai.model.network import Network

# huggingface_hub's own way of sending a file warns in the HTTP library that it uses
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


# In a folder


def test_what_is_loaded_is_what_was_saved_to_float16(
    folder: Path, state: dict[str, torch.Tensor]
) -> None:
    read = load_bundle(folder)
    assert read.config == tiny_config()
    assert read.card == CARD_TEXT
    assert read.path == folder
    assert read.state.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(
            read.state[name], value.half().float() if value.is_floating_point() else value
        ), name
    assert {v.dtype for v in read.state.values()} <= {torch.float32, torch.int64}
    assert {v.dtype for v in load((folder / WEIGHTS).read_bytes()).values()} <= {
        torch.float16,
        torch.int64,
    }


def test_the_network_of_a_bundle_answers_as_the_saved_one(
    folder: Path, state: dict[str, torch.Tensor]
) -> None:
    network = Network(TINY)
    network.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()}
    )
    built = load_bundle(folder).network()
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(built(x).logits, network.eval()(x).logits)
    assert not built.training
    assert not any(p.requires_grad for p in built.parameters())


def test_saving_again_what_was_loaded_changes_no_byte(folder: Path, tmp_path: Path) -> None:
    read = load_bundle(folder)
    again = save_bundle(tmp_path / "again", read.config, read.state, read.card)
    for name in REQUIRED:
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_loading_draws_no_random_numbers(folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_bundle(folder)
    assert torch.equal(torch.rand(3), expected)


def test_a_value_beyond_float16_is_kept(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    name = next(k for k in state if k.endswith("running_var"))
    large = {**state, name: torch.full_like(state[name], 1e6)}
    assert torch.equal(
        load_bundle(save_bundle(tmp_path / "b", tiny_config(), large, "c")).state[name], large[name]
    )


def test_nothing_half_written_is_left(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(REQUIRED)


def test_the_config_is_sorted_json_that_reads_back(folder: Path) -> None:
    text = (folder / CONFIG).read_text(encoding="utf-8")
    given = json.loads(text)
    assert text == json.dumps(given, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert BundleConfig.from_dict(given) == tiny_config()
    assert "normal·es" in text


def test_the_revision_of_a_folder_is_that_of_its_weights(folder: Path) -> None:
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    read = load_bundle(folder)
    assert (read.weights_sha256, read.revision) == (sha256, sha256[:12])


def test_optional_files_count_only_with_the_weights_they_were_fitted_to(folder: Path) -> None:
    right, wrong = load_bundle(folder).weights_sha256, "0" * 64
    tensor = {"mean": torch.zeros(2)}
    (folder / "calibration.json").write_text(json.dumps({"weights_sha256": right}))
    (folder / "metrics.json").write_text(json.dumps({"weights_sha256": wrong}))
    (folder / "descriptors.json").write_text("{cut short")
    save_file(tensor, folder / "gate.safetensors", {"weights_sha256": right})
    save_file(tensor, folder / "neighbours.safetensors")
    (folder / "notes.txt").write_text("not of a bundle")
    read = load_bundle(folder)
    assert read.extras == {n: folder / n for n in ("calibration.json", "gate.safetensors")}
    assert sorted(read.stale) == ["descriptors.json", "metrics.json", "neighbours.safetensors"]


def test_the_default_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HCC_XAI_MODEL", raising=False)
    assert Path(default_model()) == Path(__file__).resolve().parents[2] / "weights" / "liver-us"
    monkeypatch.setenv("HCC_XAI_MODEL", "owner/name@v1")
    assert default_model() == "owner/name@v1"


# Faults of a folder


GOOD = tiny_config().to_dict()
CONFIG_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "unknown key 'colour'; known: name, network"),
    ({"format": 3}, "is of format 3, and this version reads up to 2; install a newer version"),
    ({"format": 3, "shape": 3}, "is of format 3"),
    ({"format": "one"}, "format is 'one'"),
    ({"network": KeyError}, "describes no network, so this is not a bundle"),
    ({"titles": KeyError}, "key 'titles' is missing"),
    ({"titles": {"normal": {"en": "n", "es": "n"}}}, "titles have no 'en' for label 'benign'"),
    (
        {"titles": {**GOOD["titles"], "cyst": {"en": "c", "es": "q"}}},
        "titles name 'cyst', which is none of normal",
    ),
    ({"titles": [1]}, "titles must be an object"),
    ({"name": ""}, "name is ''"),
    (
        {"malignant": "cancer"},
        "malignant is 'cancer'; allowed are null or one of normal, benign, malignant",
    ),
    ({"mask_thresholds": {"liver": 0.5}}, "wanted are liver, lesion"),
    (
        {"mask_thresholds": {"liver": 0.5, "lesion": 1.5}},
        "mask_thresholds[lesion] is 1.5; allowed is 0 to 1",
    ),
    ({"least_lesion_share": "small"}, "least_lesion_share is 'small'; allowed is 0 to 1"),
    ({"least_lesion_share": float("nan")}, "least_lesion_share is nan; allowed is 0 to 1"),
    ({"bands": {"green": 0.9}}, "wanted are green and amber"),
    ({"bands": {"green": 0.5, "amber": 0.7}}, "amber (0.7) begins above green (0.5)"),
    ({"scales": {"grad-cam++": 0}}, "scales[grad-cam++] is 0; wanted is a finite number above 0"),
    ({"network": {**GOOD["network"], "depth": 3}}, "unknown key 'depth' in the network's config"),
    ({"network": {**GOOD["network"], "size": "64"}}, "network's size is of the wrong kind: '64'"),
    ({"network": {**GOOD["network"], "size": 65}}, "size is 65"),
    ({"network": {**GOOD["network"], "size": 32768}}, "size is 32768; allowed is up to 1024"),
    ({"network": {**GOOD["network"], "std": 0}}, "std 0 must be finite, and std above 0"),
    (
        {"network": {**GOOD["network"], "trunk": "no_such_trunk"}},
        "timm has no trunk named 'no_such_trunk'",
    ),
    (
        {"network": {**GOOD["network"], "trunk": "hf-hub:a/b"}},
        "trunk 'hf-hub:a/b' is no name of a timm model",
    ),
    ({"network": {**GOOD["network"], "labels": ["one", "one"]}}, "two or more different names"),
]


@pytest.mark.parametrize(("changes", "sentence"), CONFIG_FAULTS, ids=[s for _, s in CONFIG_FAULTS])
def test_a_wrong_config_is_named(folder: Path, changes: dict[str, Any], sentence: str) -> None:
    change_config(folder, **changes)
    with pytest.raises(BundleError, match=re.escape(sentence)) as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("name", "content", "sentence"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_a_wrong_file_is_named(
    folder: Path, name: str, content: bytes | None, sentence: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=re.escape(sentence)) as caught:
        load_bundle(str(folder))
    assert str(folder) in str(caught.value)


class Trap:
    """A pickle of it makes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)

    def __init__(self, path: str) -> None:
        self.path = path


def test_a_pickle_is_never_opened(tmp_path: Path, folder: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(str(sprung)))
    (folder / WEIGHTS).unlink()
    for name in ("pytorch_model.bin", "model.pt", WEIGHTS, "gate.safetensors", CONFIG):
        (folder / name).write_bytes(trap)
        with pytest.raises(BundleError):
            load_bundle(folder)
    assert not sprung.exists()
    pickle.loads(trap)  # the trap is real
    assert sprung.exists()


def test_an_empty_folder_and_one_with_a_pickle_alone_are_no_bundles(tmp_path: Path) -> None:
    with pytest.raises(
        BundleError, match="is not a bundle: it holds neither config.json nor model.safetensors"
    ):
        load_bundle(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"pytorch_model.bin are never loaded"):
        load_bundle(tmp_path)


def test_a_file_and_a_name_that_is_neither_are_told(folder: Path) -> None:
    with pytest.raises(BundleError, match="is a file; a bundle is a folder with config.json"):
        load_bundle(folder / WEIGHTS)
    for wrong in ("nowhere", "a/b/c", "/no/such", "owner/name@", "owner/na me", "", "owner/name\n"):
        with pytest.raises(
            BundleError,
            match="there is no folder .*; wanted is a bundle's folder, or owner/name or",
        ):
            load_bundle(wrong)


def test_saving_what_does_not_fit_writes_nothing(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    for wrong, sentence in (
        ({"a": torch.zeros(1)}, "is missing"),
        ({**state, "mask_head.bias": torch.full((2,), torch.nan)}, "not finite"),
    ):
        with pytest.raises(BundleError, match=sentence):
            save_bundle(tmp_path / "b", tiny_config(), wrong, "c")
    with pytest.raises(BundleError, match=r"has shape \(3, 16\)"):
        two = replace(TINY, labels=("no", "yes"))
        titles = {label: {"en": label, "es": label} for label in two.labels}
        save_bundle(
            tmp_path / "b", tiny_config(network=two, titles=titles, positive="yes"), state, "c"
        )
    assert not (tmp_path / "b").exists()


# From the Hub


def test_the_names_are_those_of_the_contract() -> None:
    assert REQUIRED == ("config.json", "model.safetensors", "README.md")
    assert OPTIONAL == (
        "calibration.json",
        "gate.safetensors",
        "descriptors.json",
        "neighbours.safetensors",
        "metrics.json",
    )
    assert FORMAT == 2
