"""The kernels of :mod:`nct_core.solvers`, compiled for the CPU; shapes and meaning of the arrays are given there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numba import njit

from . import threads

if TYPE_CHECKING:
    from . import solvers

_GRAIN_POSITIONS = 4096  # fewer are done before a thread has woken up
_NO_GRAPH = (np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def _grain(x: torch.Tensor) -> int:
    return max(1, _GRAIN_POSITIONS // x.shape[1])


def apply(x: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, graph: solvers.Graph | None) -> torch.Tensor:
    """A x."""
    out = torch.empty_like(x)
    edges = _NO_GRAPH if graph is None else (graph.starts.numpy(), graph.neighbours.numpy(), graph.weights.numpy())
    threads.over_rows(_apply, x.shape[0], x.numpy(), blocks.numpy(), right.numpy(), down.numpy(), *edges, out.numpy(), grain=_grain(x))
    return out


def smooth(x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, color: int) -> None:
    """One half of a red-black Gauss-Seidel sweep, in place: solves the blocks of every position of one colour (0 or 1)."""
    threads.over_rows(_smooth, x.shape[0], x.numpy(), rhs.numpy(), blocks.numpy(), right.numpy(), down.numpy(), color, grain=_grain(x))


def restrict_residual(
    x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    """The residual rhs - A x summed over 2x2 aggregates, [*shape, 6]."""
    coarse = x.new_empty((*shape, 6))
    threads.over_rows(_restrict_residual, shape[0], x.numpy(), rhs.numpy(), blocks.numpy(), right.numpy(), down.numpy(), coarse.numpy(), grain=_grain(coarse))
    return coarse


def prolong_add(coarse: torch.Tensor, x: torch.Tensor) -> None:
    """x += the coarse correction, constant over each aggregate."""
    threads.over_rows(_prolong_add, x.shape[0], coarse.numpy(), x.numpy(), grain=_grain(x))


def dot(x: torch.Tensor, y: torch.Tensor) -> float:
    """Sum of the products, row by row in float64, so that it does not depend on the number of threads."""
    rows = np.empty(x.shape[0], np.float64)
    threads.over_rows(_dot, x.shape[0], x.numpy(), y.numpy(), rows, grain=4 * _grain(x))
    return float(rows.sum())


def combine(x: torch.Tensor, factor: float, y: torch.Tensor, step: float) -> None:
    """x = factor * x + step * y, in place."""
    threads.over_rows(_combine, x.shape[0], x.numpy(), np.float32(factor), y.numpy(), np.float32(step), grain=4 * _grain(x))


@njit(nogil=True, cache=True, fastmath=True)
def _dot(first, last, x, y, rows):
    for i in range(first, last):
        total = np.float64(0.0)
        for j in range(x.shape[1]):
            part = np.float32(0.0)
            for c in range(6):
                part += x[i, j, c] * y[i, j, c]
            total += part
        rows[i] = total


@njit(nogil=True, cache=True, fastmath=True)
def _combine(first, last, x, factor, y, step):
    for i in range(first, last):
        for j in range(x.shape[1]):
            for c in range(6):
                x[i, j, c] = factor * x[i, j, c] + step * y[i, j, c]


@njit(nogil=True, cache=True, fastmath=True)
def _apply(first, last, x, blocks, right, down, starts, neighbours, weights, out):
    """out = A x for the block-diagonal data term, the grid's edges and, if it has any, the graph's edges."""
    height, width = right.shape
    has_graph = neighbours.shape[0] > 0
    for i in range(first, last):
        acc = np.empty(6, np.float32)
        for j in range(width):
            for c in range(3):
                a, b = x[i, j, 2 * c], x[i, j, 2 * c + 1]
                acc[2 * c] = blocks[i, j, 3 * c] * a + blocks[i, j, 3 * c + 1] * b
                acc[2 * c + 1] = blocks[i, j, 3 * c + 1] * a + blocks[i, j, 3 * c + 2] * b
            if j + 1 < width:
                for c in range(6):
                    acc[c] += right[i, j] * (x[i, j, c] - x[i, j + 1, c])
            if j > 0:
                for c in range(6):
                    acc[c] += right[i, j - 1] * (x[i, j, c] - x[i, j - 1, c])
            if i + 1 < height:
                for c in range(6):
                    acc[c] += down[i, j] * (x[i, j, c] - x[i + 1, j, c])
            if i > 0:
                for c in range(6):
                    acc[c] += down[i - 1, j] * (x[i, j, c] - x[i - 1, j, c])
            if has_graph:
                for e in range(starts[i * width + j], starts[i * width + j + 1]):
                    k, m = neighbours[e] // width, neighbours[e] % width
                    for c in range(6):
                        acc[c] += weights[e] * (x[i, j, c] - x[k, m, c])
            for c in range(6):
                out[i, j, c] = acc[c]


@njit(nogil=True, cache=True, fastmath=True)
def _smooth(first, last, x, rhs, blocks, right, down, color):
    """One half of a red-black Gauss-Seidel sweep: solves the 2x2 blocks of every position of one colour."""
    height, width = right.shape
    for i in range(first, last):
        acc = np.empty(6, np.float32)
        for j in range((i + color) % 2, width, 2):
            degree = np.float32(0.0)
            for c in range(6):
                acc[c] = rhs[i, j, c]
            if j + 1 < width:
                w = right[i, j]
                degree += w
                for c in range(6):
                    acc[c] += w * x[i, j + 1, c]
            if j > 0:
                w = right[i, j - 1]
                degree += w
                for c in range(6):
                    acc[c] += w * x[i, j - 1, c]
            if i + 1 < height:
                w = down[i, j]
                degree += w
                for c in range(6):
                    acc[c] += w * x[i + 1, j, c]
            if i > 0:
                w = down[i - 1, j]
                degree += w
                for c in range(6):
                    acc[c] += w * x[i - 1, j, c]
            for c in range(3):
                m11, m12, m22 = blocks[i, j, 3 * c] + degree, blocks[i, j, 3 * c + 1], blocks[i, j, 3 * c + 2] + degree
                scale = np.float32(1.0) / (m11 * m22 - m12 * m12)
                x[i, j, 2 * c] = (m22 * acc[2 * c] - m12 * acc[2 * c + 1]) * scale
                x[i, j, 2 * c + 1] = (m11 * acc[2 * c + 1] - m12 * acc[2 * c]) * scale


@njit(nogil=True, cache=True, fastmath=True)
def _restrict_residual(first, last, x, rhs, blocks, right, down, coarse):
    """coarse = the residual rhs - A x, summed over 2x2 aggregates."""
    height, width = right.shape
    for ic in range(first, last):
        acc = np.empty(6, np.float32)
        for jc in range(coarse.shape[1]):
            acc[:] = 0.0
            for i in range(2 * ic, min(2 * ic + 2, height)):
                for j in range(2 * jc, min(2 * jc + 2, width)):
                    for c in range(3):
                        a, b = x[i, j, 2 * c], x[i, j, 2 * c + 1]
                        acc[2 * c] += rhs[i, j, 2 * c] - blocks[i, j, 3 * c] * a - blocks[i, j, 3 * c + 1] * b
                        acc[2 * c + 1] += rhs[i, j, 2 * c + 1] - blocks[i, j, 3 * c + 1] * a - blocks[i, j, 3 * c + 2] * b
                    # Edges inside the aggregate cancel in the sum; only those that leave it count.
                    if j % 2 == 1 and j + 1 < width:
                        for c in range(6):
                            acc[c] -= right[i, j] * (x[i, j, c] - x[i, j + 1, c])
                    if j % 2 == 0 and j > 0:
                        for c in range(6):
                            acc[c] -= right[i, j - 1] * (x[i, j, c] - x[i, j - 1, c])
                    if i % 2 == 1 and i + 1 < height:
                        for c in range(6):
                            acc[c] -= down[i, j] * (x[i, j, c] - x[i + 1, j, c])
                    if i % 2 == 0 and i > 0:
                        for c in range(6):
                            acc[c] -= down[i - 1, j] * (x[i, j, c] - x[i - 1, j, c])
            for c in range(6):
                coarse[ic, jc, c] = acc[c]


@njit(nogil=True, cache=True, fastmath=True)
def _prolong_add(first, last, coarse, x):
    """x += the coarse correction, constant over each aggregate."""
    for i in range(first, last):
        for j in range(x.shape[1]):
            for c in range(6):
                x[i, j, c] += coarse[i // 2, j // 2, c]
