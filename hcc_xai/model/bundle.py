"""A model as a folder: `config.json`, `model.safetensors`, `README.md`; local or from the Hub.

No pickle is ever read: weights are safetensors, everything else is JSON or text.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.files import write_whole
from hcc_xai.kinds.known import LIVER
from hcc_xai.model import hub
from hcc_xai.model.config import BundleConfig
from hcc_xai.model.network import Network, NetworkConfig

__all__ = [
    "CARD",
    "CONFIG",
    "FIGURES",
    "OPTIONAL",
    "RELIABILITY",
    "REQUIRED",
    "SHA_KEY",
    "WEIGHTS",
    "Bundle",
    "BundleConfig",
    "default_model",
    "load_bundle",
    "save_bundle",
]

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
REQUIRED = (CONFIG, WEIGHTS, CARD)
OPTIONAL = (
    "calibration.json",
    "gate.safetensors",
    "descriptors.json",
    "neighbours.safetensors",
    "metrics.json",
)
# Of the card.
FIGURES, RELIABILITY, METHOD_FIGURES = "figures.png", "reliability.png", "methods.png"
FILES = (
    *REQUIRED,
    *OPTIONAL,
    FIGURES,
    RELIABILITY,
    METHOD_FIGURES,
)  # nothing else is fetched or pushed
SHA_KEY = "weights_sha256"  # where an optional file says which weights it was fitted to
_HUB_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[^\s@]+))?", re.ASCII)
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model that was read and found whole.

    Attributes:
        state: the network's tensors by name, floats as float32.
        card: text of `README.md`.
        revision: commit on the Hub; of a local folder the first 12 digits of the weights' sha256.
        path: the folder.
        weights_sha256: of the bytes of `model.safetensors`.
        extras: the optional files that were fitted to these weights, by name.
        stale: names of the optional files that are there but were not, and are ignored.
    """

    config: BundleConfig
    state: dict[str, Tensor]
    card: str
    revision: str
    path: Path
    weights_sha256: str
    extras: dict[str, Path]
    stale: tuple[str, ...]

    def network(self) -> Network:
        """The network with its weights, in evaluation mode, on the CPU, without gradients."""
        network = Network(self.config.network)
        network.load_state_dict(self.state)
        return network.eval().requires_grad_(False)


def default_model() -> str:
    """The model to use when one is wanted and none is named: `HCC_XAI_MODEL`, or the liver's bundle
    that ships.

    The bundle lies in `weights/liver-us`: at the top of a checkout, within an installed package.

    Raises:
        BundleError: there is neither.
    """
    named = os.environ.get("HCC_XAI_MODEL")
    if named:
        return named
    for folder in weights_folders():
        bundle = folder / "liver-us"
        if (bundle / CONFIG).is_file():
            return str(bundle)
    raise BundleError(
        "bundle-no-default",
        "no bundle lies in {folder}; name one, a folder or owner/name on the "
        "Hugging Face Hub, or set HCC_XAI_MODEL to it",
        folder=str(weights_folders()[0] / "liver-us"),
    )


def shipped_bundles() -> dict[str, Path]:
    """Kind of picture -> the bundle that answers about it: those in the folder that `HCC_XAI_MODEL`
    names, or those that ship. The liver's comes first. Empty where `HCC_XAI_MODEL` names one
    bundle.

    Raises:
        BundleError: a `config.json` there is none of a bundle.
    """
    named = os.environ.get("HCC_XAI_MODEL")
    folders = [Path(named)] if named else weights_folders()
    found: dict[str, Path] = {}
    for weights in (path for folder in folders for path in sorted(folder.glob(f"*/{WEIGHTS}"))):
        bundle = weights.parent
        found.setdefault(_read_config(bundle / CONFIG, str(bundle)).kind, bundle)
    return dict(sorted(found.items(), key=lambda item: item[0] != LIVER))


def weights_folders() -> tuple[Path, Path]:
    """Where bundles ship: within an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return package / "weights", package.parent / "weights"


def save_bundle(
    folder: str | Path, config: BundleConfig, state: Mapping[str, Tensor], card: str
) -> Path:
    """Write a bundle; what is already in the folder under other names stays.

    Floats are rounded to float16, except tensors with a value that float16 cannot hold. The
    weights are written last, so that an interrupted save leaves no new weights under an old config.

    Raises:
        BundleError: a tensor does not fit the config or holds a value that is not finite.
    """
    folder = Path(folder)
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    _check_state(tensors, config.network)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        config.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_whole(folder / CONFIG, (text + "\n").encode())
    write_whole(folder / CARD, card.encode())
    write_whole(folder / WEIGHTS, save({name: _halve(value) for name, value in tensors.items()}))
    return folder


def _halve(value: Tensor) -> Tensor:
    """A copy, as safetensors takes no two tensors that share memory."""
    half = value.half() if value.is_floating_point() else value
    return (half if bool(half.isfinite().all()) else value.float()).clone()


def load_bundle(where: str | Path, *, progress: bool = True) -> Bundle:
    """Read a bundle from a folder, or from the Hub by way of its cache.

    A folder that exists is taken before a repository of the same name. What is cached is used
    without asking when a full commit is named, and when the Hub cannot be reached.

    Args:
        where: a folder, or "owner/name" or "owner/name@revision" (a branch, tag or commit).
        progress: draw bars while fetching, where there is a terminal.

    Raises:
        BundleError: there is nothing of that name, it cannot be fetched, or it is no whole
            bundle; one sentence says which.
    """
    folder = Path(where).expanduser()
    if str(where) and folder.is_dir():
        return _read(folder, str(where), None)
    if folder.is_file():
        raise BundleError(
            "bundle-is-file",
            "{where} is a file; a bundle is a folder with {wanted}",
            where=str(where),
            wanted=", ".join(REQUIRED),
        )
    named = _HUB_NAME.fullmatch(where) if isinstance(where, str) else None
    if named is None:
        raise BundleError(
            "bundle-no-folder",
            "there is no folder {where!r}; wanted is a bundle's folder, or owner/name or "
            "owner/name@revision on the Hugging Face Hub",
            where=str(where),
        )
    return _from_hub(named["repo"], named["revision"] or "main", str(where), progress)


def _from_hub(repo: str, revision: str, shown: str, progress: bool) -> Bundle:
    folder = hub.cached(repo, revision, FILES, needed=REQUIRED) if hub.is_commit(revision) else None
    try:
        if folder is None:
            # The names and the config first: a repository of another kind may hold gigabytes.
            _check_files(hub.list_files(repo, revision), shown)
            _read_config(hub.download(repo, revision, [CONFIG], progress=False) / CONFIG, shown)
            folder = hub.download(repo, revision, FILES, progress=progress)
    except hub.Unreachable as error:
        folder = hub.cached(repo, revision, FILES, needed=REQUIRED)
        if folder is None:
            raise BundleError(
                "bundle-not-cached",
                "there is no folder {where!r}, {reason}, and nothing of it is cached",
                where=shown,
                reason=str(error),
            ) from error
    except hub.Refused as error:
        raise BundleError(
            "bundle-refused",
            "there is no folder {where!r}, and {reason}",
            where=shown,
            reason=str(error),
        ) from error
    return _read(folder, shown, folder.name)


def _read(folder: Path, shown: str, revision: str | None) -> Bundle:
    """The bundle in a folder. `shown` is what the person called it."""
    _check_files([p.name for p in folder.iterdir() if p.is_file()], shown)
    config = _read_config(folder / CONFIG, shown)
    try:
        content = (folder / WEIGHTS).read_bytes()
        card = (folder / CARD).read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(
            "bundle-file-unread",
            "{where}: a file cannot be read: {reason}",
            where=shown,
            reason=str(error.strerror),
        ) from error
    except UnicodeDecodeError as error:
        raise BundleError(
            "bundle-card-no-text", "{where}: {file} is no UTF-8 text", where=shown, file=CARD
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    state = _read_weights(content, shown)
    try:
        _check_state(state, config.network)
    except BundleError as error:
        raise BundleError(
            "bundle-in-file",
            "{where}: {file}: {reason}",
            where=shown,
            file=WEIGHTS,
            reason=str(error),
        ) from error
    extras = {name: folder / name for name in OPTIONAL if (folder / name).is_file()}
    fitted = {name: path for name, path in extras.items() if _fitted_to(path) == sha256}
    stale = tuple(name for name in extras if name not in fitted)
    return Bundle(config, state, card, revision or sha256[:12], folder, sha256, fitted, stale)


def _check_files(names: list[str], shown: str) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if CONFIG in missing and WEIGHTS in missing:
        raise BundleError(
            "bundle-none",
            "{where} is not a bundle: it holds neither {config} nor {weights} "
            "(weights in pickle files such as pytorch_model.bin are never loaded)",
            where=shown,
            config=CONFIG,
            weights=WEIGHTS,
        )
    if missing:
        raise BundleError(
            "bundle-incomplete",
            "{where} is no whole bundle: {missing} is missing; a bundle holds {wanted}",
            where=shown,
            missing=", ".join(missing),
            wanted=", ".join(REQUIRED),
        )


def _read_config(path: Path, shown: str) -> BundleConfig:
    try:
        return BundleConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, nested without end
        raise BundleError(
            "bundle-config-no-json", "{where}: {file} is no JSON", where=shown, file=CONFIG
        ) from error
    except BundleError as error:
        raise BundleError(
            "bundle-in-file",
            "{where}: {file}: {reason}",
            where=shown,
            file=CONFIG,
            reason=str(error),
        ) from error


def _read_weights(content: bytes, shown: str) -> dict[str, Tensor]:
    if content.startswith(_POINTER):
        raise BundleError(
            "bundle-weights-pointer",
            "{where}: {file} is a git-lfs pointer, not the weights; "
            "run 'git lfs pull' in the repository, or download the file itself",
            where=shown,
            file=WEIGHTS,
        )
    try:
        state = load(content)
    except SafetensorError as error:
        raise BundleError(
            "bundle-weights-damaged",
            "{where}: {file} is no safetensors file, or is cut short",
            where=shown,
            file=WEIGHTS,
        ) from error
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def _check_state(state: Mapping[str, Tensor], config: NetworkConfig) -> None:
    """Raise BundleError for the first tensor that does not fit the config or is not finite."""
    try:
        with torch.device("meta"):  # names and shapes alone: no memory, no random numbers
            wanted = Network(config).state_dict()
    except ArgumentError as error:
        raise BundleError("bundle-network", "{reason}", reason=str(error)) from error
    for name, value in wanted.items():
        if name not in state:
            raise BundleError(
                "tensor-missing",
                "tensor {name!r} is missing, which the config's network needs",
                name=name,
            )
        if state[name].shape != value.shape:
            raise BundleError(
                "tensor-shape",
                "tensor {name!r} has shape {shape}, and the config's network needs {wanted}",
                name=name,
                shape=str(tuple(state[name].shape)),
                wanted=str(tuple(value.shape)),
            )
        if state[name].is_floating_point() != value.is_floating_point():
            raise BundleError(
                "tensor-type",
                "tensor {name!r} is of type {got}, and the config's network needs {wanted}",
                name=name,
                got=str(state[name].dtype),
                wanted=str(value.dtype),
            )
        if not bool(state[name].isfinite().all()):
            raise BundleError(
                "tensor-not-finite",
                "tensor {name!r} holds values that are not finite (NaN or infinite)",
                name=name,
            )
    for name in state:
        if name not in wanted:
            raise BundleError(
                "tensor-unwanted",
                "tensor {name!r} has no place in the config's network",
                name=name,
            )


def _fitted_to(path: Path) -> str | None:
    """The weights' sha256 that an optional file carries; None where it cannot be read."""
    try:
        if path.suffix == ".json":
            given = json.loads(path.read_text(encoding="utf-8"))
            found = given.get(SHA_KEY) if isinstance(given, dict) else None
        else:
            with safe_open(path, framework="pt") as file:
                found = (file.metadata() or {}).get(SHA_KEY)
    except (ValueError, RecursionError, SafetensorError):
        return None
    return found if isinstance(found, str) else None
