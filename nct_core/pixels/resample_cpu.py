"""Averages over windows, compiled for the CPU; see :func:`nct_core.pixels.resample.box_mean` for the contract."""

from __future__ import annotations

import numpy as np
import torch

from ..runtime import threads
from ..runtime.compiled import compiled

_GRAIN_POSITIONS = 8192


def box_mean(planes: torch.Tensor, radius: int, whole: bool) -> torch.Tensor:
    """float32 [n, h, w] -> [n, h, w]; ``whole``: adds the values of a window in their order, as PyTorch does; otherwise by columns of it."""
    values = planes.contiguous().numpy()
    out = np.empty_like(values)
    kernel = _whole_windows if whole else _columns_first
    threads.over_rows(kernel, values.shape[1], values, radius, out, grain=max(1, _GRAIN_POSITIONS // values.shape[2]))
    return torch.from_numpy(out)


@compiled()
def _whole_windows(first, last, planes, radius, out):
    height, width = planes.shape[1:]
    total = np.empty(width, np.float32)
    for plane in range(planes.shape[0]):
        for row in range(first, last):
            top, bottom = max(row - radius, 0), min(row + radius + 1, height)
            total[:] = np.float32(0.0)
            for i in range(top, bottom):
                for shift in range(-radius, radius + 1):
                    for col in range(max(0, -shift), min(width, width - shift)):
                        total[col] += planes[plane, i, col + shift]
            for col in range(width):
                count = (bottom - top) * (min(col + radius + 1, width) - max(col - radius, 0))
                out[plane, row, col] = total[col] / np.float32(count)


@compiled()
def _columns_first(first, last, planes, radius, out):
    """Sums of columns row by row, so that no sum depends on where a band of rows begins; then a sum that runs along the row."""
    height, width = planes.shape[1:]
    column = np.empty(width, np.float32)
    for plane in range(planes.shape[0]):
        for row in range(first, last):
            top, bottom = max(row - radius, 0), min(row + radius + 1, height)
            column[:] = planes[plane, top]
            for i in range(top + 1, bottom):
                for col in range(width):
                    column[col] += planes[plane, i, col]
            running = np.float64(0.0)
            for col in range(min(radius, width)):
                running += column[col]
            for col in range(width):
                if col + radius < width:
                    running += column[col + radius]
                if col > radius:
                    running -= column[col - radius - 1]
                count = (bottom - top) * (min(col + radius + 1, width) - max(col - radius, 0))
                out[plane, row, col] = np.float32(running / count)
