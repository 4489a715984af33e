"""What the tests of bundles, of the Hub and of publishing share: a tiny bundle and its faults."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import HubServer
from huggingface_hub import constants
from huggingface_hub.utils import close_session  # type: ignore[attr-defined]
from safetensors.torch import save

from hcc_xai.model.bundle import (
    CARD,
    CONFIG,
    REQUIRED,
    WEIGHTS,
    Bundle,
    BundleConfig,
    save_bundle,
)
from hcc_xai.model.network import Network, NetworkConfig

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


@pytest.fixture(scope="session", name="state")
def bundle_state() -> dict[str, torch.Tensor]:
    return tiny_state()


@pytest.fixture(name="folder")
def bundle_folder(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    return save_bundle(tmp_path / "tiny", tiny_config(), state, CARD_TEXT)


@pytest.fixture(scope="session", name="files")
def bundle_files(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, torch.Tensor]
) -> dict[str, bytes]:
    """Content of a whole bundle, by name."""
    made = save_bundle(tmp_path_factory.mktemp("whole"), tiny_config(), state, CARD_TEXT)
    return {name: (made / name).read_bytes() for name in REQUIRED}


@pytest.fixture(name="server")
def bundle_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
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


def change_config(folder: Path, **changes: Any) -> None:
    given = json.loads((folder / CONFIG).read_text())
    for key, value in changes.items():
        given.pop(key) if value is KeyError else given.update({key: value})
    (folder / CONFIG).write_text(json.dumps(given))


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
