"""The kernels of :mod:`nct_core.transform.fit`, compiled for the CPU; the arrays and their meaning are explained there."""

from __future__ import annotations

import numpy as np
import torch

from ..runtime import threads
from ..runtime.compiled import compiled

_GRAIN_POSITIONS = 4096
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


def _over(kernel, width: int, rows: int, *arguments) -> None:
    threads.over_rows(kernel, rows, *arguments, grain=max(1, _GRAIN_POSITIONS // width))


def normal_equations(
    source: torch.Tensor, guidance: torch.Tensor, data: torch.Tensor, gain: torch.Tensor, contrast: tuple[float, float, float], sigma_floor: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The start (a_0, b_0), the blocks of D and the right-hand side."""
    height, width = data.shape
    start, blocks, rhs = (source.new_empty(height, width, count) for count in (6, 9, 6))
    planes = np.empty((6, height, width), np.float32)
    _over(_planes, width, height, source.numpy(), guidance.numpy(), planes)
    weights = data.numpy(), gain.numpy(), np.array(contrast, np.float32), np.float32(sigma_floor)
    _over(_normal_equations, width, height, planes, *weights, start.numpy(), blocks.numpy(), rhs.numpy())
    return start, blocks, rhs


@compiled(fastmath=True, error_model="numpy")
def _planes(first, last, source, guidance, planes):
    for i in range(first, last):
        for c in range(3):
            for j in range(source.shape[1]):
                planes[c, i, j] = source[i, j, c]
                planes[3 + c, i, j] = guidance[i, j, c]


@compiled(fastmath=True, error_model="numpy")
def _moments(plane, i, mean, sigma):
    """Mean and standard deviation over the 3x3 window of every position of row i, of the part that lies inside the grid."""
    height, width = plane.shape
    top, bottom = max(i - 1, 0), min(i + 2, height)
    for j in range(width):
        mean[j] = _ZERO
        sigma[j] = _ZERO
    for r in range(top, bottom):
        for shift in range(-1, 2):
            for j in range(max(0, -shift), min(width, width - shift)):
                mean[j] += plane[r, j + shift]
    whole = _ONE / np.float32((bottom - top) * min(3, width))
    for j in range(1, width - 1):
        mean[j] *= whole
    for j in (0, width - 1):
        mean[j] /= np.float32((bottom - top) * min(2, width))
        if width == 1:
            break
    # Deviation from the window's own mean: no cancellation between large squares.
    for r in range(top, bottom):
        for shift in range(-1, 2):
            for j in range(max(0, -shift), min(width, width - shift)):
                gap = plane[r, j + shift] - mean[j]
                sigma[j] += gap * gap
    for j in range(1, width - 1):
        sigma[j] = np.sqrt(sigma[j] * whole)
    for j in (0, width - 1):
        sigma[j] = np.sqrt(sigma[j] / np.float32((bottom - top) * min(2, width)))
        if width == 1:
            break


@compiled(fastmath=True, error_model="numpy")
def _normal_equations(first, last, planes, data, gain, contrast, sigma_floor, start, blocks, rhs):
    width = data.shape[1]
    mean_s, sigma_s, mean_g, sigma_g = (np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32))
    for i in range(first, last):
        for c in range(3):
            _moments(planes[c], i, mean_s, sigma_s)
            _moments(planes[3 + c], i, mean_g, sigma_g)
            for j in range(width):
                s, g, weight, mu = planes[c, i, j], planes[3 + c, i, j], data[i, j], contrast[c] * gain[i, j]
                a = sigma_g[j] / (sigma_s[j] + sigma_floor)
                b = mean_g[j] - a * mean_s[j]
                start[i, j, 2 * c] = a
                start[i, j, 2 * c + 1] = b
                blocks[i, j, 3 * c] = weight * s * s + mu
                blocks[i, j, 3 * c + 1] = weight * s
                blocks[i, j, 3 * c + 2] = weight + mu
                rhs[i, j, 2 * c] = weight * g * s + mu * a
                rhs[i, j, 2 * c + 1] = weight * g + mu * b
