"""Where networks run."""

from __future__ import annotations

import torch


def pick_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU: the only place where this is
    chosen."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
