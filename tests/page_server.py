"""Starts `app.py` as a newcomer does, in a process of its own, and stops it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

TOP = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Served:
    """A running page. url: ends with a slash; folder: where it may put files; log: what it says."""

    url: str
    folder: Path
    log: Path


@contextmanager
def serve(bundle: Path, *, seconds: float = 300, **environment: str) -> Iterator[Served]:
    """Serve a bundle on a free port of this computer; afterwards nothing of it may be left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        served = Served(f"http://127.0.0.1:{port}/", folder, Path(name) / "log")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "HCC_XAI_"))}
        own = {"GRADIO_TEMP_DIR": str(folder), "OMP_NUM_THREADS": "1", **environment}
        command = [sys.executable, str(TOP / "app.py"), "--model", str(bundle), "--port", str(port)]
        with served.log.open("w") as log:
            process = subprocess.Popen(command, env={**kept, **own}, stdout=log, stderr=log)
        try:
            _wait(process, served, seconds)
            yield served
        finally:
            process.terminate()
            code = process.wait(30)
        said = served.log.read_text()
        assert code == 0, said
        assert not list(folder.iterdir()), "pictures were left behind"
        assert not re.search("Traceback|https?://(?!127)", said), said


def _wait(process: subprocess.Popen[bytes], served: Served, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            if httpx.get(served.url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"the page did not start: {served.log.read_text()}")


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    """The same picture (or mask), made by two processes: they may add floats in another order, so a
    grey level may round the other way, and a pixel of an outline may fall on the other side."""
    if first.shape != second.shape:
        return False
    apart = abs(first.astype(int) - second.astype(int))
    return float((apart > 2 * (first.dtype != bool)).mean()) < 0.002
