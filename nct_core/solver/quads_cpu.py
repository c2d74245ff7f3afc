"""The quads of :mod:`nct_core.solver.quads` and their coarser grids, compiled for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..runtime import threads
from ..runtime.compiled import compiled

_GRAIN_POSITIONS = 8192  # fewer take less time than waking a thread
_TINY = np.float32(1e-30)  # there are divisions by zero past the border
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1.0), np.float32(0.0)


def over(kernel: Callable[..., None], rows: int, columns: int, *arguments: Any) -> None:
    """Calls a kernel over bands of rows of ``columns`` positions each; tensors reach it as arrays."""
    plain = (array.numpy() if isinstance(array, torch.Tensor) else array for array in arguments)
    threads.over_rows(kernel, rows, *plain, grain=max(1, _GRAIN_POSITIONS // max(1, columns)))


def over_quads(kernel: Callable[..., None], quads: torch.Tensor, *arguments: Any) -> None:
    """Calls a kernel over bands of the rows of quads."""
    over(kernel, quads.shape[-2] - 2, 4 * quads.shape[-1], *arguments)


def split(planes: torch.Tensor, quads: torch.Tensor) -> None:
    """Planes [p, h, w] (of any strides) into quads."""
    over_quads(_exchange, quads, planes, quads, True)


def join(quads: torch.Tensor, planes: torch.Tensor) -> None:
    """Quads into planes [p, h, w] (of any strides)."""
    over_quads(_exchange, quads, planes, quads, False)


def edges(right: torch.Tensor, down: torch.Tensor, weights: torch.Tensor) -> None:
    """The weights of every position's edges to the left, right, up and down."""
    over_quads(_edges, weights, right, down, weights)


def coarsen_edges(weights: torch.Tensor, shares: torch.Tensor, right: torch.Tensor, down: torch.Tensor) -> None:
    """Fills in how the positions of the last quad are interpolated, and the edges of the coarser grid."""
    cells = torch.zeros_like(shares)
    over_quads(_cells, weights, weights, shares, cells)
    over_quads(_coarse_edges, weights, weights, cells, right, down)


def coarsen_blocks(blocks: torch.Tensor, weights: torch.Tensor, shares: torch.Tensor, coarse: torch.Tensor) -> None:
    """D of the coarser grid as planes: every position's block is added to the positions from which it is interpolated."""
    over_quads(_coarse_blocks, weights, blocks, weights, shares, coarse)


@compiled(fastmath=True, error_model="numpy")
def _place(i, q, width):
    """The place of row ``i`` of a quad in the grid: its row, its first column, and its number of columns."""
    side = q & 1
    return 2 * i + (q >> 1), side, (width - side + 1) // 2


@compiled(fastmath=True, error_model="numpy")
def _exchange(first, last, planes, quads, into_quads):
    count, height, width = planes.shape
    for i in range(first, last):
        for q in range(4):
            row, side, columns = _place(i, q, width)
            if row < height:
                for c in range(count):
                    if into_quads:
                        for k in range(columns):
                            quads[q, c, i + 1, k + 1] = planes[c, row, 2 * k + side]
                    else:
                        for k in range(columns):
                            planes[c, row, 2 * k + side] = quads[q, c, i + 1, k + 1]


@compiled(fastmath=True, error_model="numpy")
def _edges(first, last, right, down, weights):
    height, width = right.shape
    for i in range(first, last):
        for q in range(4):
            row, side, columns = _place(i, q, width)
            if row < height:
                for k in range(columns):
                    col = 2 * k + side
                    weights[q, 0, i + 1, k + 1] = right[row, col - 1] if col > 0 else _ZERO
                    weights[q, 1, i + 1, k + 1] = right[row, col] if col + 1 < width else _ZERO
                    weights[q, 2, i + 1, k + 1] = down[row - 1, col] if row > 0 else _ZERO
                    weights[q, 3, i + 1, k + 1] = down[row, col] if row + 1 < height else _ZERO


@compiled(fastmath=True, error_model="numpy")
def _shares(one, other):
    """The shares of two positions in a position between them."""
    scale = _ONE / max(one + other, _TINY)
    return one * scale, other * scale


@compiled(fastmath=True, error_model="numpy")
def _cells(first, last, weights, shares, cells):
    """For each coarse cell: the shares of its corners (00, 01, 10, 11) in its center, and the energy of its sides (top, bottom, left, right)."""
    for i in range(first + 1, last + 1):
        for k in range(1, weights.shape[3] - 1):
            top0, top1 = _shares(weights[1, 0, i, k], weights[1, 1, i, k])
            low2, low3 = _shares(weights[1, 0, i + 1, k], weights[1, 1, i + 1, k])
            left0, left2 = _shares(weights[2, 2, i, k], weights[2, 3, i, k])
            right1, right3 = _shares(weights[2, 2, i, k + 1], weights[2, 3, i, k + 1])
            left, right, up, down = weights[3, 0, i, k], weights[3, 1, i, k], weights[3, 2, i, k], weights[3, 3, i, k]
            scale = _ONE / max(left + right + up + down, _TINY)
            s0, s1 = (up * top0 + left * left0) * scale, (up * top1 + right * right1) * scale
            s2, s3 = (left * left2 + down * low2) * scale, (down * low3 + right * right3) * scale
            shares[0, i, k], shares[1, i, k], shares[2, i, k], shares[3, i, k] = s0, s1, s2, s3
            above = below = before = after = diagonal = _ZERO
            # An edge of weight w between two interpolated positions, whose shares differ by d, has energy w (sum d x)^2 =
            # - w sum d_m d_n (x_m - x_n)^2, since sum d = 0.
            for weight, d0, d1, d2, d3 in (
                (up, top0 - s0, top1 - s1, -s2, -s3), (down, -s0, -s1, low2 - s2, low3 - s3),
                (left, left0 - s0, -s1, left2 - s2, -s3), (right, -s0, right1 - s1, -s2, right3 - s3),
            ):  # fmt: skip
                above -= weight * d0 * d1
                below -= weight * d2 * d3
                before -= weight * d0 * d2
                after -= weight * d1 * d3
                diagonal -= weight * (d0 * d3 + d1 * d2)
            # Half of the diagonals' energy goes to each side; that is exact for all linear x, and the coarser grid has four neighbors again.
            cells[0, i, k], cells[1, i, k] = above + _HALF * diagonal, below + _HALF * diagonal
            cells[2, i, k], cells[3, i, k] = before + _HALF * diagonal, after + _HALF * diagonal


@compiled(fastmath=True, error_model="numpy")
def _coarse_edges(first, last, weights, cells, right, down):
    for i in range(first + 1, last + 1):
        for k in range(1, weights.shape[3] - 1):
            one, other = weights[1, 0, i, k], weights[1, 1, i, k]
            across = one * other / max(one + other, _TINY)
            right[i - 1, k - 1] = max(across + cells[0, i, k] + cells[1, i - 1, k], _ZERO)
            one, other = weights[2, 2, i, k], weights[2, 3, i, k]
            across = one * other / max(one + other, _TINY)
            down[i - 1, k - 1] = max(across + cells[2, i, k] + cells[3, i, k - 1], _ZERO)


@compiled(fastmath=True, error_model="numpy")
def _coarse_blocks(first, last, blocks, weights, shares, coarse):
    for i in range(first + 1, last + 1):
        for k in range(1, weights.shape[3] - 1):
            before, after = _shares(weights[1, 0, i, k], weights[1, 1, i, k])[0], _shares(weights[1, 0, i, k - 1], weights[1, 1, i, k - 1])[1]
            below, above = _shares(weights[2, 2, i, k], weights[2, 3, i, k])[0], _shares(weights[2, 2, i - 1, k], weights[2, 3, i - 1, k])[1]
            s0, s1, s2, s3 = shares[0, i, k], shares[1, i, k - 1], shares[2, i - 1, k], shares[3, i - 1, k - 1]
            for c in range(blocks.shape[1]):
                total = blocks[0, c, i, k]
                total += before * blocks[1, c, i, k] + after * blocks[1, c, i, k - 1] + below * blocks[2, c, i, k] + above * blocks[2, c, i - 1, k]
                total += s0 * blocks[3, c, i, k] + s1 * blocks[3, c, i, k - 1] + s2 * blocks[3, c, i - 1, k] + s3 * blocks[3, c, i - 1, k - 1]
                coarse[c, i, k] = total
