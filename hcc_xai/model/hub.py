"""The Hugging Face Hub: fetch files of a repository, or push some. Each fault becomes one sentence.

Where the Hub is, where files are cached and which token is sent is huggingface_hub's own affair
(`HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcc_xai.errors import BundleError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATIENCE = 10.0  # seconds for the first answer; later ones have huggingface_hub's own limits
_BAD_TOKEN = "Invalid credentials in Authorization header"  # the Hub's words
_HELD_UP = (408, 429)  # besides 5xx: statuses that may be gone in a while
_LOG_IN = "log in with 'hf auth login' or set HF_TOKEN"


class Unreachable(BundleError):
    """The Hub does not answer now; what is cached may serve instead."""


class Refused(BundleError):
    """The Hub answered, and does not give what was asked for."""


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit, so that what is cached of it is final."""
    return _COMMIT.fullmatch(revision) is not None


def list_files(repo: str, revision: str) -> list[str]:
    """Names of the files in a model repository.

    Raises:
        Unreachable: no network, or no sensible answer.
        Refused: no such repository or revision, no access.
    """
    from huggingface_hub import HfApi

    with _sentences(repo, revision):
        found = HfApi(library_name="hcc_xai").model_info(repo, revision=revision, timeout=_PATIENCE)
    return [file.rfilename for file in found.siblings or []]


def download(repo: str, revision: str, files: Sequence[str], *, progress: bool) -> Path:
    """Fetch those of the files that are there, into the cache. The folder's name is the commit.

    Args:
        progress: draw huggingface_hub's bars, where standard error is a terminal.

    Raises:
        as `list_files`; Refused too where the cache cannot be written.
    """
    from huggingface_hub import snapshot_download

    bars = None if progress and sys.stderr.isatty() else _quiet()
    with _sentences(repo, revision):
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(files),
                library_name="hcc_xai",
                tqdm_class=bars,
            )
        )


def cached(repo: str, revision: str, files: Sequence[str], *, needed: Sequence[str]) -> Path | None:
    """The folder that an earlier `download` made; None where a needed file is not in it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                repo, revision=revision, allow_patterns=list(files), local_files_only=True
            )
        )
    except LocalEntryNotFoundError:
        return None
    return folder if all((folder / name).is_file() for name in needed) else None


def upload(
    repo: str,
    files: Mapping[str, Path],
    *,
    space: bool,
    private: bool,
    message: str,
    owned: Callable[[str], bool],
) -> str:
    """Make the repository if it is not there, and put the files into it by one commit.

    Args:
        files: path in the repository -> file.
        space: make a Gradio Space, not a model.
        owned: which paths in the repository are ours; such that are not in `files` are deleted.

    Returns:
        Address of the commit.

    Raises:
        Unreachable: no network, or no sensible answer.
        Refused: not logged in, no right to write, a card that the Hub does not take.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi(library_name="hcc_xai")
    kind = "space" if space else "model"
    with _sentences(repo, "main", writing=True):
        api.create_repo(
            repo,
            repo_type=kind,
            private=private,
            exist_ok=True,
            space_sdk="gradio" if space else None,
        )
        left = [
            name
            for name in api.list_repo_files(repo, repo_type=kind)
            if owned(name) and name not in files
        ]
        operations: list[Any] = [
            *(CommitOperationAdd(name, path) for name, path in files.items()),
            *(CommitOperationDelete(name) for name in left),
        ]
        return str(
            api.create_commit(repo, operations, commit_message=message, repo_type=kind).commit_url
        )


@contextmanager
def _sentences(repo: str, revision: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what huggingface_hub raises into a BundleError; wrap calls to that library alone."""
    # Exported so that no caller has to know whether it speaks httpx or a successor.
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    try:
        yield
    except (HTTPError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _fault(error, repo, revision, writing) from error


def _fault(error: Exception, repo: str, revision: str, writing: bool) -> BundleError:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        FileMetadataError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RevisionNotFoundError,
    )

    endpoint = HfApi().endpoint
    if isinstance(error, LocalEntryNotFoundError | RuntimeError) and isinstance(
        error.__cause__, Exception
    ):
        error = error.__cause__  # the library wraps what went wrong on the wire
    if isinstance(error, GatedRepoError):
        return Refused(
            "hub-gated",
            "repository {repo} is gated: ask for access at {endpoint}/{repo} and {log_in}",
            repo=repo,
            endpoint=endpoint,
            log_in=_LOG_IN,
        )
    if isinstance(error, RevisionNotFoundError):
        return Refused(
            "hub-no-revision",
            "repository {repo} on the Hub has no revision {revision!r}",
            repo=repo,
            revision=revision,
        )
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, repo, writing)
    if isinstance(error, OfflineModeIsEnabled):
        return Unreachable("hub-offline", "the Hub is switched off by HF_HUB_OFFLINE")
    if isinstance(error, HTTPError | LocalEntryNotFoundError):
        return Unreachable(
            "hub-unreachable",
            "the Hub at {endpoint} cannot be reached ({fault}; no network?)",
            endpoint=endpoint,
            fault=type(error).__name__,
        )
    if isinstance(error, HFValidationError):
        return Refused(
            "hub-name", "{repo!r} is no name that a repository on the Hub can have", repo=repo
        )
    if isinstance(error, OSError) and not isinstance(error, FileMetadataError):
        return Refused(
            "hub-not-stored",
            "{repo} could not be stored: {reason}",
            repo=repo,
            reason=error.strerror or "it did not arrive whole",
        )
    if writing and "README.md" in str(error):
        return Refused(
            "hub-front-matter",
            "the Hub refuses the README's front matter: {reason}",
            reason=" ".join(str(error).split()),
        )
    if isinstance(error, RuntimeError):
        return Refused(
            "hub-not-transferred",
            "{repo} could not be transferred: {reason}",
            repo=repo,
            reason=" ".join(str(error).split()),
        )
    return Unreachable(
        "hub-another",
        "{endpoint} does not answer as the Hub does (a login page or a proxy between?)",
        endpoint=endpoint,
    )


def _refusal(error: HfHubHTTPError, repo: str, writing: bool) -> BundleError:
    status = error.response.status_code
    if status >= 500 or status in _HELD_UP:
        return Unreachable("hub-busy", "the Hub cannot answer now (status {status})", status=status)
    if writing and status in (401, 403):
        return Refused(
            "hub-no-writing",
            "the Hub does not let you write to {repo} (status {status}); {log_in}, with a token "
            "that may write there",
            repo=repo,
            status=status,
            log_in=_LOG_IN,
        )
    if status == 401 and error.response.headers.get("X-Error-Message") != _BAD_TOKEN:
        # The Hub does not tell a stranger which of the two it is.
        return Refused(
            "hub-not-shown",
            "the Hub shows no repository {repo} to you: it does not exist, or is private (then "
            "{log_in})",
            repo=repo,
            log_in=_LOG_IN,
        )
    if status in (401, 403):
        return Refused(
            "hub-no-access",
            "the Hub refuses access to {repo} (status {status}): it is private, or your token is "
            "not valid; {log_in}, with a token that may read it",
            repo=repo,
            status=status,
            log_in=_LOG_IN,
        )
    if status == 404:
        return Refused(
            "hub-no-repository", "the Hub has no repository {repo} that you may read", repo=repo
        )
    return Refused(
        "hub-refused",
        "the Hub refuses the request for {repo} (status {status})",
        repo=repo,
        status=status,
    )


def _quiet() -> Any:
    """A progress bar of huggingface_hub's kind that is never drawn."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Quiet(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

    return Quiet
