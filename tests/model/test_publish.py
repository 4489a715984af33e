"""A bundle and the app are published: what is needed, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bundle_tools import (
    CARD_TEXT,
    assert_same,
    tiny_config,
    tiny_state,
)
from hub_server import STRANGER, TOKEN, HubServer

from hcc_xai.errors import BundleError
from hcc_xai.model.bundle import (
    CARD,
    REQUIRED,
    WEIGHTS,
    load_bundle,
    save_bundle,
)
from hcc_xai.model.publish import publish_bundle, publish_space

# huggingface_hub's own way of sending a file warns in the HTTP library that it uses
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


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
