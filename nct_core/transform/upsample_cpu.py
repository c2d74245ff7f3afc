"""The kernel of :mod:`nct_core.transform.upsample`, compiled for the CPU; the arrays and their meaning are explained there."""

from __future__ import annotations

import numpy as np
import torch

from ..runtime import threads
from ..runtime.compiled import compiled

_GRAIN_POSITIONS = 4096
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


def _over(kernel, width: int, rows: int, *arguments) -> None:
    threads.over_rows(kernel, rows, *arguments, grain=max(1, _GRAIN_POSITIONS // width))


def upsample(low: torch.Tensor, source: torch.Tensor, trusted_weight: torch.Tensor, untrusted_weight: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Upsamples the transform bilinearly to the image's grid; returns it, its weight r, and the product of the two."""
    height, width = source.shape[:2]
    up, trust, rhs = (source.new_empty(height, width, count) for count in (6, 3, 6))
    rows, columns = (_positions(n, m) for n, m in zip((height, width), low.shape))
    trusts = trusted_weight.numpy(), np.float32(untrusted_weight)
    _over(_upsample, width, height, low.contiguous().numpy(), source.numpy(), *rows, *columns, *trusts, up.numpy(), trust.numpy(), rhs.numpy())
    return up, trust, rhs


def _positions(size: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell before each of ``size`` pixel centers, int32, and the share of the next cell, float32."""
    position = ((np.arange(size) + 0.5) * (cells / size) - 0.5).clip(0, cells - 1)
    below = np.floor(position).astype(np.int32)
    return below, (position - below).astype(np.float32)


@compiled(fastmath=True, error_model="numpy")
def _upsample(first, last, low, source, above, row_share, left, column_share, trusted, untrusted, up, trust, rhs):
    height_low, width_low, _ = low.shape
    line = np.empty((width_low + 1, 6), np.float32)
    for i in range(first, last):
        one, other, share = above[i], min(above[i] + 1, height_low - 1), row_share[i]
        for j in range(width_low):
            for c in range(6):
                line[j, c] = low[one, j, c] + share * (low[other, j, c] - low[one, j, c])
        line[width_low] = line[width_low - 1]
        for j in range(source.shape[1]):
            before, part = left[j], column_share[j]
            for c in range(6):
                up[i, j, c] = line[before, c] + part * (line[before + 1, c] - line[before, c])
            for c in range(3):
                mapped = up[i, j, 2 * c] * source[i, j, c] + up[i, j, 2 * c + 1]
                weight = trusted[i, j] if _ZERO <= mapped <= _ONE else untrusted
                trust[i, j, c] = weight
                rhs[i, j, 2 * c] = weight * up[i, j, 2 * c]
                rhs[i, j, 2 * c + 1] = weight * up[i, j, 2 * c + 1]
