"""The kernels of :mod:`nct_core.solver.quads` in Triton for CUDA devices: one launch each, where plain torch starts about twenty.

What runs once for a system is taken from :mod:`nct_core.solver.kernels_torch`, which explains the arithmetic.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .graph import Graph
from .kernels_torch import add_ties, coarsen_blocks, coarsen_edges, combine, dot, edges

__all__ = ["apply", "coarsen_blocks", "coarsen_edges", "combine", "dot", "edges", "join", "prolong", "relax", "restrict", "split"]

_TOGETHER = 128  # positions of one program
_TINY = tl.constexpr(1e-30)


def split(planes: torch.Tensor, quads: torch.Tensor) -> None:
    """Planes [p, h, w] into quads."""
    _split[_grid(quads, quads.shape[1])](planes, quads, *planes.shape[1:], *planes.stride(), *_inside(quads), quads.shape[1], together=_TOGETHER)


def join(quads: torch.Tensor, planes: torch.Tensor) -> None:
    """Quads into planes [p, h, w]."""
    _join[_grid(quads, quads.shape[1])](quads, planes, *planes.shape[1:], *planes.stride(), *_inside(quads), quads.shape[1], together=_TOGETHER)


def relax(x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, color: int, *, fresh: bool = False) -> None:
    """Solves the blocks of all positions of one color, in place; ``fresh``: the other color's x counts as zero."""
    _relax[_grid(x, 2)](x, rhs, blocks, weights, *_inside(x), color, fresh=fresh, coupled=blocks.shape[1] == 9, together=_TOGETHER)


def restrict(x: torch.Tensor, weights: torch.Tensor, shares: torch.Tensor, coarse: torch.Tensor) -> None:
    """The residual on the coarser grid, as planes, where x comes from ``relax`` of color 0 (fresh) and then 1."""
    _restrict[_grid(x, 6)](x, weights, shares, coarse, *_inside(x), together=_TOGETHER)


def prolong(coarse: torch.Tensor, shares: torch.Tensor, x: torch.Tensor) -> None:
    """Adds the coarser grid's correction, planes, to the positions of color 0."""
    _prolong[_grid(x, 6)](coarse, shares, x, *_inside(x), together=_TOGETHER)


def apply(x: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, graph: Graph | None, out: torch.Tensor) -> None:
    """A x."""
    _apply[_grid(x, 4)](x, blocks, weights, out, *_inside(x), coupled=blocks.shape[1] == 9, together=_TOGETHER)
    if graph is not None:
        add_ties(x, graph, out)


def _inside(quads: torch.Tensor) -> tuple[int, int]:
    """Rows and columns without the frame."""
    return quads.shape[2] - 2, quads.shape[3] - 2


def _grid(quads: torch.Tensor, parts: int) -> tuple[int, int]:
    rows, columns = _inside(quads)
    return triton.cdiv(rows * columns, _TOGETHER), parts


@triton.jit
def _places(rows, columns, together: tl.constexpr):
    """Row, column and offset in a framed plane of a program's positions, and which of them exist."""
    number = tl.program_id(0) * together + tl.arange(0, together)
    row, column = number // columns, number % columns
    return row, column, (row + 1) * (columns + 2) + column + 1, number < rows * columns


@triton.jit
def _flow(x, weights, own, quad, plane, at, size, step, real):
    """Sum over the four edges of the positions of a quad: weight * (x at the other end - own)."""
    left, up = quad & 1, quad >> 1
    beside, across = x + ((quad ^ 1) * 6 + plane) * size + at, x + ((quad ^ 2) * 6 + plane) * size + at
    edge = weights + quad * 4 * size + at
    total = tl.load(edge, mask=real, other=0.0) * (tl.load(beside + (left - 1), mask=real, other=0.0) - own)
    total += tl.load(edge + size, mask=real, other=0.0) * (tl.load(beside + left, mask=real, other=0.0) - own)
    total += tl.load(edge + 2 * size, mask=real, other=0.0) * (tl.load(across + (up - 1) * step, mask=real, other=0.0) - own)
    return total + tl.load(edge + 3 * size, mask=real, other=0.0) * (tl.load(across + up * step, mask=real, other=0.0) - own)


@triton.jit(do_not_specialize=["rows", "columns", "color"])
def _relax(x, rhs, blocks, weights, rows, columns, color, fresh: tl.constexpr, coupled: tl.constexpr, together: tl.constexpr):
    quad = tl.where(tl.program_id(1) == 0, color, 3 - color)
    _row, _column, at, real = _places(rows, columns, together)
    step = columns + 2
    size = (rows + 2) * step
    edge = weights + quad * 4 * size + at
    degree = tl.load(edge, mask=real, other=0.0) + tl.load(edge + size, mask=real, other=0.0)
    degree += tl.load(edge + 2 * size, mask=real, other=0.0) + tl.load(edge + 3 * size, mask=real, other=0.0)
    for channel in tl.static_range(3):
        first = (quad * 6 + 2 * channel) * size + at
        a, b = tl.load(rhs + first, mask=real, other=0.0), tl.load(rhs + first + size, mask=real, other=0.0)
        if not fresh:
            a += _flow(x, weights, 0.0, quad, 2 * channel, at, size, step, real)
            b += _flow(x, weights, 0.0, quad, 2 * channel + 1, at, size, step, real)
        if coupled:
            block = blocks + (quad * 9 + 3 * channel) * size + at
            m11 = tl.load(block, mask=real, other=0.0) + degree
            m12 = tl.load(block + size, mask=real, other=0.0)
            m22 = tl.load(block + 2 * size, mask=real, other=0.0) + degree
            inverse = 1.0 / tl.maximum(m11 * m22 - m12 * m12, _TINY)
            tl.store(x + first, (m22 * a - m12 * b) * inverse, mask=real)
            tl.store(x + first + size, (m11 * b - m12 * a) * inverse, mask=real)
        else:
            inverse = 1.0 / tl.maximum(tl.load(blocks + (quad * 3 + channel) * size + at, mask=real, other=0.0) + degree, _TINY)
            tl.store(x + first, a * inverse, mask=real)
            tl.store(x + first + size, b * inverse, mask=real)


@triton.jit(do_not_specialize=["rows", "columns"])
def _apply(x, blocks, weights, out, rows, columns, coupled: tl.constexpr, together: tl.constexpr):
    quad = tl.program_id(1)
    _row, _column, at, real = _places(rows, columns, together)
    step = columns + 2
    size = (rows + 2) * step
    for channel in tl.static_range(3):
        first = (quad * 6 + 2 * channel) * size + at
        a, b = tl.load(x + first, mask=real, other=0.0), tl.load(x + first + size, mask=real, other=0.0)
        above = -_flow(x, weights, a, quad, 2 * channel, at, size, step, real)
        below = -_flow(x, weights, b, quad, 2 * channel + 1, at, size, step, real)
        if coupled:
            block = blocks + (quad * 9 + 3 * channel) * size + at
            m12 = tl.load(block + size, mask=real, other=0.0)
            above += tl.load(block, mask=real, other=0.0) * a + m12 * b
            below += m12 * a + tl.load(block + 2 * size, mask=real, other=0.0) * b
        else:
            scale = tl.load(blocks + (quad * 3 + channel) * size + at, mask=real, other=0.0)
            above += scale * a
            below += scale * b
        tl.store(out + first, above, mask=real)
        tl.store(out + first + size, below, mask=real)


@triton.jit(do_not_specialize=["rows", "columns"])
def _restrict(x, weights, shares, coarse, rows, columns, together: tl.constexpr):
    plane = tl.program_id(1)
    row, column, at, real = _places(rows, columns, together)
    step = columns + 2
    size = (rows + 2) * step
    value = _flow(x, weights, 0.0, 0, plane, at, size, step, real)
    for corner in tl.static_range(4):  # of the cells whose corner this position is
        cell = at - (corner >> 1) * step - (corner & 1)
        there = real & (row >= (corner >> 1)) & (column >= (corner & 1))
        share = tl.load(shares + corner * size + cell, mask=there, other=0.0)
        value += share * _flow(x, weights, 0.0, 3, plane, cell, size, step, there)
    tl.store(coarse + plane * size + at, value, mask=real)


@triton.jit(do_not_specialize=["rows", "columns"])
def _prolong(coarse, shares, x, rows, columns, together: tl.constexpr):
    plane = tl.program_id(1)
    _row, _column, at, real = _places(rows, columns, together)
    step = columns + 2
    size = (rows + 2) * step
    given = coarse + plane * size + at
    here, center = x + plane * size + at, x + (18 + plane) * size + at
    value = tl.load(center, mask=real, other=0.0)
    for corner in tl.static_range(4):
        share = tl.load(shares + corner * size + at, mask=real, other=0.0)
        value += share * tl.load(given + (corner >> 1) * step + (corner & 1), mask=real, other=0.0)
    tl.store(here, tl.load(here, mask=real, other=0.0) + tl.load(given, mask=real, other=0.0), mask=real)
    tl.store(center, value, mask=real)


@triton.jit(do_not_specialize=["height", "width", "rows", "columns"])
def _split(planes, quads, height, width, plane_step, row_step, column_step, rows, columns, count, together: tl.constexpr):
    plane = tl.program_id(1)
    row, column, at, real = _places(rows, columns, together)
    size = (rows + 2) * (columns + 2)
    for quad in tl.static_range(4):
        i, j = 2 * row + (quad >> 1), 2 * column + (quad & 1)
        value = tl.load(planes + plane * plane_step + i * row_step + j * column_step, mask=real & (i < height) & (j < width), other=0.0)
        tl.store(quads + (quad * count + plane) * size + at, value, mask=real)


@triton.jit(do_not_specialize=["height", "width", "rows", "columns"])
def _join(quads, planes, height, width, plane_step, row_step, column_step, rows, columns, count, together: tl.constexpr):
    plane = tl.program_id(1)
    row, column, at, real = _places(rows, columns, together)
    size = (rows + 2) * (columns + 2)
    for quad in tl.static_range(4):
        i, j = 2 * row + (quad >> 1), 2 * column + (quad & 1)
        value = tl.load(quads + (quad * count + plane) * size + at, mask=real, other=0.0)
        tl.store(planes + plane * plane_step + i * row_step + j * column_step, value, mask=real & (i < height) & (j < width))
