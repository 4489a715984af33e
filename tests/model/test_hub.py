"""A bundle is fetched from the Hub, or from the cache; each fault has its sentence."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundle_tools import (
    CARD_TEXT,
    FILE_FAULTS,
    assert_same,
    tiny_config,
)
from hub_server import STRANGER, TOKEN, HubServer
from huggingface_hub import constants

from hcc_xai.errors import BundleError
from hcc_xai.model.bundle import (
    CARD,
    CONFIG,
    REQUIRED,
    WEIGHTS,
    load_bundle,
)

# huggingface_hub's own way of sending a file warns in the HTTP library that it uses
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


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
        "PYTHONPATH": str(Path(__file__).parents[2]),
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
