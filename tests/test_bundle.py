"""A bundle survives being saved, published and fetched; each fault has its sentence."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import STRANGER, TOKEN, HubServer
from huggingface_hub import constants
from huggingface_hub.utils import close_session  # type: ignore[attr-defined]
from safetensors.torch import load, save, save_file

from hcc_xai.errors import BundleError
from hcc_xai.model.bundle import (
    CARD,
    CONFIG,
    OPTIONAL,
    REQUIRED,
    WEIGHTS,
    Bundle,
    BundleConfig,
    default_model,
    load_bundle,
    publish_bundle,
    publish_space,
    save_bundle,
)
from hcc_xai.model.config import FORMAT
from hcc_xai.model.network import Network, NetworkConfig

# huggingface_hub's own way of sending a file warns in the HTTP library that it uses
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

TINY = NetworkConfig(trunk="test_efficientnet", size=64, channels=8)
CARD_TEXT = "---\nlicense: mit\n---\n# Año\n"


def tiny_config(**changes: Any) -> BundleConfig:
    titles = {label: {"en": label, "es": f"{label}·es"} for label in TINY.labels}
    given = {
        "name": "tiny",
        "network": TINY,
        "titles": titles,
        "licence": "mit",
        "scales": {"grad-cam++": 2.5},
        "training": {"seed": 0},
    }
    return BundleConfig(**{**given, **changes})


def tiny_state(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    network = Network(TINY)
    network(torch.rand(2, 1, 64, 64))  # so that batch norm's statistics are not all zero and one
    return network.state_dict()


@pytest.fixture(scope="session")
def state() -> dict[str, torch.Tensor]:
    return tiny_state()


@pytest.fixture
def folder(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    return save_bundle(tmp_path / "tiny", tiny_config(), state, CARD_TEXT)


@pytest.fixture(scope="session")
def files(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, torch.Tensor]
) -> dict[str, bytes]:
    """Content of a whole bundle, by name."""
    made = save_bundle(tmp_path_factory.mktemp("whole"), tiny_config(), state, CARD_TEXT)
    return {name: (made / name).read_bytes() for name in REQUIRED}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub on the loopback that huggingface_hub speaks to, with an empty cache and no token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    close_session()  # it keeps the proxies that it was made with
    with HubServer() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub
        close_session()


def assert_same(one: Bundle, other: Bundle) -> None:
    assert one.config == other.config
    assert (one.card, one.weights_sha256) == (other.card, other.weights_sha256)
    assert one.state.keys() == other.state.keys()
    for name, value in one.state.items():
        assert torch.equal(value, other.state[name]), name


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
    assert Path(default_model()) == Path(__file__).resolve().parents[1] / "weights" / "liver-us"
    monkeypatch.setenv("HCC_XAI_MODEL", "owner/name@v1")
    assert default_model() == "owner/name@v1"


# Faults of a folder


def change_config(folder: Path, **changes: Any) -> None:
    given = json.loads((folder / CONFIG).read_text())
    for key, value in changes.items():
        given.pop(key) if value is KeyError else given.update({key: value})
    (folder / CONFIG).write_text(json.dumps(given))


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


def weights_without(name: str, state: dict[str, torch.Tensor]) -> bytes:
    return save({k: v for k, v in state.items() if k != name})


def file_faults(state: dict[str, torch.Tensor]) -> dict[str, tuple[str, bytes | None, str]]:
    bias = state["mask_head.bias"]
    whole = save(state)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    return {
        "no config": (
            CONFIG,
            None,
            "config.json is missing; a bundle holds config.json, model.safetensors, README.md",
        ),
        "no weights": (WEIGHTS, None, "model.safetensors is missing"),
        "no card": (CARD, None, "README.md is missing"),
        "config is text": (CONFIG, b"hello", "config.json is no JSON"),
        "config is binary": (CONFIG, b"\xff\xfe\x00", "config.json is no JSON"),
        "config is deep": (CONFIG, b"[" * 100_000, "config.json is no JSON"),
        "config is a list": (CONFIG, b"[]", "describes no network, so this is not a bundle"),
        "config of another library": (CONFIG, b'{"model_type": "bert"}', "so this is not a bundle"),
        "weights are text": (
            WEIGHTS,
            b"hello",
            "model.safetensors is no safetensors file, or is cut short",
        ),
        "weights are empty": (
            WEIGHTS,
            b"",
            "model.safetensors is no safetensors file, or is cut short",
        ),
        "weights are cut short": (
            WEIGHTS,
            whole[:-9],
            "model.safetensors is no safetensors file, or is cut short",
        ),
        "weights are a pickle": (
            WEIGHTS,
            pickle.dumps({"a": 1}),
            "model.safetensors is no safetensors file",
        ),
        "weights are a pointer": (
            WEIGHTS,
            pointer,
            "model.safetensors is a git-lfs pointer, not the weights",
        ),
        "a tensor is missing": (
            WEIGHTS,
            weights_without("mask_head.bias", state),
            "tensor 'mask_head.bias' is missing",
        ),
        "a tensor is too many": (
            WEIGHTS,
            save({**state, "more": bias.clone()}),
            "tensor 'more' has no place",
        ),
        "a tensor has a shape": (
            WEIGHTS,
            save({**state, "mask_head.bias": torch.zeros(3)}),
            "tensor 'mask_head.bias' has shape (3,), and the config's network needs (2,)",
        ),
        "a tensor is whole": (
            WEIGHTS,
            save({**state, "mask_head.bias": bias.long()}),
            "tensor 'mask_head.bias' is of type torch.int64",
        ),
        "a tensor is NaN": (
            WEIGHTS,
            save({**state, "mask_head.bias": bias * torch.nan}),
            "tensor 'mask_head.bias' holds values that are not finite",
        ),
        "card is binary": (CARD, b"\xff\xfe", "README.md is no UTF-8 text"),
    }


FILE_FAULTS = file_faults(tiny_state())


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
            tmp_path / "b", tiny_config(network=two, titles=titles, malignant="yes"), state, "c"
        )
    assert not (tmp_path / "b").exists()


# From the Hub


def test_a_bundle_from_the_hub_is_that_of_its_folder(
    server: HubServer, files: dict[str, bytes], folder: Path
) -> None:
    commit = server.add("owner/tiny", files)
    for name in ("owner/tiny", "owner/tiny@main", f"owner/tiny@{commit}"):
        read = load_bundle(name)
        assert_same(read, load_bundle(folder))
        assert read.revision == commit


def test_a_revision_stays_what_it_was(server: HubServer, files: dict[str, bytes]) -> None:
    old = server.add("owner/tiny", files)
    new = server.add("owner/tiny", {**files, CARD: b"new"})
    server.repos["models", "owner/tiny"].refs["v1"] = old
    server.repos["models", "owner/tiny"].refs["refs/pr/1"] = new
    read = {
        name: load_bundle(f"owner/tiny@{name}") for name in (old, "v1", new, "main", "refs/pr/1")
    }
    assert {name: b.revision for name, b in read.items()} == {
        old: old,
        "v1": old,
        new: new,
        "main": new,
        "refs/pr/1": new,
    }
    assert (read["v1"].card, read["main"].card) == (CARD_TEXT, "new")


def test_nothing_but_a_bundles_files_is_fetched(server: HubServer, files: dict[str, bytes]) -> None:
    extra = json.dumps({"weights_sha256": hashlib.sha256(files[WEIGHTS]).hexdigest()}).encode()
    server.add(
        "owner/tiny",
        {
            **files,
            "pytorch_model.bin": b"x" * 99,
            "sub/config.json": b"{}",
            "a.pkl": b"x",
            "metrics.json": extra,
        },
    )
    read = load_bundle("owner/tiny")
    assert read.extras == {"metrics.json": read.path / "metrics.json"}
    assert sorted(p.name for p in read.path.rglob("*")) == sorted([*REQUIRED, "metrics.json"])
    assert not any("pytorch_model" in line or ".pkl" in line for line in server.log)


def test_what_is_cached_serves_when_the_hub_is_gone(
    server: HubServer, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = server.add("owner/tiny", files)
    first = load_bundle("owner/tiny")
    server.status = 503
    assert_same(load_bundle("owner/tiny"), first)
    server.status, server.portal = None, True
    assert_same(load_bundle("owner/tiny"), first)
    server.stop()
    for name in ("owner/tiny", f"owner/tiny@{commit}"):
        again = load_bundle(name)
        assert_same(again, first)
        assert again.revision == commit
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_same(load_bundle("owner/tiny"), first)


def test_a_cached_commit_asks_nothing_of_the_hub(
    server: HubServer, files: dict[str, bytes]
) -> None:
    commit = server.add("owner/tiny", files)
    load_bundle("owner/tiny")
    server.log.clear()
    load_bundle(f"owner/tiny@{commit}")
    assert server.log == []


def test_a_second_load_fetches_nothing(server: HubServer, files: dict[str, bytes]) -> None:
    server.add("owner/tiny", files)
    load_bundle("owner/tiny")
    server.log.clear()
    load_bundle("owner/tiny")
    assert set(server.log) <= {"GET /api/models/owner/tiny/revision/main"}


def test_a_folder_is_taken_before_a_repository(
    server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    load_bundle(f"{folder.parent.name}/tiny")
    assert server.log == []


def refused(name: str) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_network_and_nothing_cached(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    for name in ("weights/liver-uss", f"owner/tiny@{'0' * 40}"):
        said = refused(name)
        assert said.startswith(
            f"there is no folder '{name}', the Hub at {server.url} cannot be reached"
        )
        assert said.endswith("and nothing of it is cached")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "the Hub is switched off by HF_HUB_OFFLINE, and nothing of it is cached" in refused(
        "owner/tiny"
    )


def test_a_hub_out_of_order(server: HubServer) -> None:
    server.status = 503
    assert "the Hub cannot answer now (status 503), and nothing of it is cached" in refused(
        "owner/tiny"
    )
    server.status = 429
    assert "the Hub cannot answer now (status 429)" in refused("owner/tiny")
    server.status, server.portal = None, True
    assert f"{server.url} does not answer as the Hub does" in refused("owner/tiny")


def test_a_transfer_that_breaks_off(
    server: HubServer, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the library's attempts
    server.add("owner/tiny", files)
    server.cut = True
    assert "cannot be reached (RemoteProtocolError" in refused("owner/tiny")
    server.cut = False
    assert load_bundle("owner/tiny").weights_sha256 == hashlib.sha256(files[WEIGHTS]).hexdigest()


def test_no_such_repository_and_private_ones(
    server: HubServer, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("owner/secret", files, private=True)
    for name in ("weights/liver-uss", "owner/secret"):  # the Hub tells a stranger no difference
        said = refused(name)
        assert said.startswith(
            f"there is no folder '{name}', and the Hub shows no repository {name} to you"
        )
        assert (
            "it does not exist, or is private (then log in with 'hf auth login' or set HF_TOKEN)"
            in said
        )
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    assert "and the Hub has no repository owner/nothing that you may read" in refused(
        "owner/nothing"
    )
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert (
        "refuses access to owner/secret (status 401): it is private, or your token is not valid"
        in refused("owner/secret")
    )
    server.status = 403
    assert "refuses access to owner/secret (status 403)" in refused("owner/secret")
    server.status = None
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert load_bundle("owner/secret").config == tiny_config()


def test_a_gated_repository(
    server: HubServer, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("owner/gated", files, gated=True)
    sentence = (
        f"repository owner/gated is gated: ask for access at {server.url}/owner/gated and log in"
    )
    assert sentence in refused("owner/gated")
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    assert sentence in refused("owner/gated")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert load_bundle("owner/gated").config == tiny_config()


def test_no_such_revision(server: HubServer, files: dict[str, bytes]) -> None:
    server.add("owner/tiny", files)
    load_bundle("owner/tiny")
    for revision in ("v9", "0" * 40):
        assert f"repository owner/tiny on the Hub has no revision '{revision}'" in refused(
            f"owner/tiny@{revision}"
        )


def test_a_name_that_no_repository_can_have(server: HubServer) -> None:
    assert "is no name that a repository on the Hub can have" in refused("owner/na..me")


@pytest.mark.parametrize(("name", "content", "sentence"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_a_wrong_file_on_the_hub_is_named(
    server: HubServer, files: dict[str, bytes], name: str, content: bytes | None, sentence: str
) -> None:
    server.add("owner/bad", {k: v for k, v in {**files, name: content}.items() if v is not None})
    said = refused("owner/bad@main")
    assert sentence in said
    assert said.startswith("owner/bad@main")


def test_a_repository_of_another_kind_is_told_before_its_weights_come(
    server: HubServer, files: dict[str, bytes]
) -> None:
    server.add("owner/bert", {**files, CONFIG: b'{"model_type": "bert"}'})
    server.add("owner/old", {"pytorch_model.bin": b"x", CARD: b"x"})
    assert "describes no network, so this is not a bundle" in refused("owner/bert")
    assert "owner/old is not a bundle: it holds neither config.json nor" in refused("owner/old")
    assert not any(
        "model" in line.rsplit("/", 1)[-1] or line.startswith("GET /lfs") for line in server.log
    )


def test_the_environment_names_the_hub_and_the_cache(
    server: HubServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    """In a process of its own, as a person would start it."""
    commit = server.add("owner/tiny", files)
    code = """if True:
        import sys
        from hcc_xai.model.bundle import load_bundle
        print(load_bundle(sys.argv[1]).path)"""
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, "owner/tiny"],
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")  # no bars where there is no terminal
    found = Path(done.stdout.strip())
    assert found.name == commit
    assert found.is_relative_to(tmp_path / "home")


# To the Hub


def test_a_published_bundle_comes_back_the_same(
    server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (folder / "notes.txt").write_text("mine")
    (folder / "last.ckpt").write_bytes(b"x")
    sha256 = load_bundle(folder).weights_sha256
    (folder / "metrics.json").write_text(json.dumps({"weights_sha256": sha256}))
    (folder / "calibration.json").write_text(json.dumps({"weights_sha256": "of others"}))
    address = publish_bundle(folder, "owner/new", private=True)
    repo = server.repos["models", "owner/new"]
    assert address == f"{server.url}/owner/new/commit/{repo.refs['main']}"
    assert len(repo.commits) == 2  # the Hub's own, and one of ours
    assert repo.private
    assert sorted(repo.head()) == sorted([".gitattributes", "metrics.json", *REQUIRED])
    read = load_bundle("owner/new")
    assert_same(read, load_bundle(folder))
    assert read.revision == repo.refs["main"]
    assert set(read.extras) == {"metrics.json"}


def test_publishing_again_replaces_and_takes_away(
    server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (folder / "metrics.json").write_text(
        json.dumps({"weights_sha256": load_bundle(folder).weights_sha256})
    )
    publish_bundle(folder, "owner/new")
    server.repos["models", "owner/new"].head()["theirs.md"] = b"kept"
    first = load_bundle("owner/new")
    save_bundle(
        folder, tiny_config(), tiny_state(1), CARD_TEXT
    )  # metrics.json is of other weights now
    publish_bundle(folder, "owner/new")
    assert not server.repos["models", "owner/new"].private
    assert sorted(server.repos["models", "owner/new"].head()) == sorted(
        [".gitattributes", "theirs.md", *REQUIRED]
    )
    second = load_bundle("owner/new")
    assert_same(second, load_bundle(folder))
    assert second.weights_sha256 != first.weights_sha256
    assert_same(load_bundle(f"owner/new@{first.revision}"), first)


def test_publishing_needs_rights_and_a_whole_bundle(
    server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token, status in ((None, 401), (STRANGER, 403)):
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(
            BundleError, match=rf"does not let you write to owner/new \(status {status}\); log in"
        ):
            publish_bundle(folder, "owner/new")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (folder / CARD).write_text("no front matter")
    with pytest.raises(
        BundleError, match=r"the Hub refuses the README's front matter: .*metadata is required"
    ):
        publish_bundle(folder, "owner/new")
    with pytest.raises(BundleError, match="is no name that a repository on the Hub can have"):
        publish_bundle(folder, "owner/na..me")
    server.log.clear()
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"model.safetensors is missing"):
        publish_bundle(folder, "owner/new")
    assert server.log == []
    with pytest.raises(BundleError, match="there is no folder"):
        publish_bundle("owner/tiny", "owner/new")  # a Hub name is no folder to publish
    save_bundle(folder, tiny_config(), tiny_state(), CARD_TEXT)
    server.stop()
    with pytest.raises(BundleError, match="cannot be reached"):
        publish_bundle(folder, "owner/new")


SPACE_CARD = "---\ntitle: T\nsdk: gradio\napp_file: app.py\n---\n# T\n"


@pytest.fixture
def top(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A repository with what a Space needs and much that it does not."""
    top = tmp_path / "top"
    wanted = [
        "app.py",
        "requirements.txt",
        "LICENSE",
        "hcc_xai/__init__.py",
        "hcc_xai/page/tab.py",
        "examples/a.png",
    ]
    others = [
        "tests/test_a.py",
        ".git/config",
        ".ci/run",
        "hcc_xai/__pycache__/a.pyc",
        "hcc_xai/.cache/x",
        "docs/a.md",
        "examples/.DS_Store",
        "weights/tiny/last.safetensors",
        "weights/notes.txt",
        "scripts/check",
        "secret.env",
    ]
    for name in wanted + others:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / CARD).write_text(SPACE_CARD)
    save_bundle(top / "weights" / "tiny", tiny_config(), state, CARD_TEXT)
    (top / "examples" / "patient.png").symlink_to(top / "secret.env")
    return top


def test_a_space_holds_what_it_needs_and_no_more(
    server: HubServer, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    address = publish_space(top, "owner/app")
    repo = server.repos["spaces", "owner/app"]
    assert repo.sdk == "gradio"
    assert address.endswith(f"/commit/{repo.refs['main']}")
    assert len(repo.commits) == 2
    expected = [
        "app.py",
        "requirements.txt",
        "LICENSE",
        CARD,
        "hcc_xai/__init__.py",
        "hcc_xai/page/tab.py",
        "examples/a.png",
        *(f"weights/tiny/{name}" for name in REQUIRED),
    ]
    assert sorted(repo.head()) == sorted([".gitattributes", *expected])
    for name in expected:
        assert repo.head()[name] == (top / name).read_bytes()
    (top / "hcc_xai" / "page" / "tab.py").unlink()
    publish_space(top, "owner/app")
    assert sorted(repo.head()) == sorted({".gitattributes", *expected} - {"hcc_xai/page/tab.py"})


def test_a_space_that_would_not_start_is_not_sent(
    server: HubServer, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (top / CARD).write_text("# T\n\nsdk: gradio\n")
    with pytest.raises(BundleError, match="does not begin with a Space's front matter"):
        publish_space(top, "owner/app")
    (top / CARD).write_text(SPACE_CARD)
    (top / "weights" / "tiny" / WEIGHTS).write_bytes(b"cut")
    with pytest.raises(BundleError, match="is no safetensors file"):
        publish_space(top, "owner/app")
    (top / "app.py").unlink()
    with pytest.raises(BundleError, match=r"cannot be a Space: app.py is missing"):
        publish_space(top, "owner/app")
    assert server.log == []


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
