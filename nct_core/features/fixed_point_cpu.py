"""Features to whole numbers, compiled for the CPU; see :func:`nct_core.features.fixed_point.fixed_point` for the contract."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from numpy.typing import NDArray

from ..runtime import threads
from ..runtime.compiled import compiled


def fixed_point(features: torch.Tensor, length: int) -> torch.Tensor:
    """float32 [h, w, C] -> int16 [h, w, C]: every vector scaled to ``length`` and rounded; the zero vector stays."""
    values = features.contiguous().numpy()
    out = np.empty(values.shape, np.int16)
    threads.over_rows(_round_rows, values.shape[0], values, np.float32(length), out, grain=1)
    return torch.from_numpy(out)


@compiled(error_model="numpy")
def _round_rows(first, last, values, length, out):
    channels = values.shape[2]
    for row in range(first, last):
        for col in range(values.shape[1]):
            scale = length / max(np.sqrt(_square(values[row, col])), np.float32(1e-8))
            vector, rounded = values[row, col], out[row, col]
            for c in range(channels):
                rounded[c] = np.int16(np.rint(vector[c] * scale))


@njit(fastmath=True)
def _square(vector):
    total = np.float32(0.0)
    for c in range(vector.shape[0]):
        total += vector[c] * vector[c]
    return total


# Numba turns only loops of a known length over slices into vector instructions.
BLOCK = 64


def in_blocks(features: torch.Tensor) -> NDArray[np.int16]:
    """int16 [h, w, C] with as many zero channels added as whole blocks need; the network's own have a whole number of blocks."""
    return F.pad(features, (0, -features.shape[2] % BLOCK)).contiguous().numpy()
