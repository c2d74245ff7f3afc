"""The kernels of :mod:`nct_core.solver.quads`, compiled for the CPU; the arrays and their layout are explained there."""

from __future__ import annotations

import numpy as np
import torch

from ..runtime.compiled import compiled
from .graph import Graph
from .quads_cpu import coarsen_blocks, coarsen_edges, edges, join, over, over_quads, split

_TINY = np.float32(1e-30)  # there are divisions by zero past the border
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)

__all__ = ["apply", "coarsen_blocks", "coarsen_edges", "combine", "dot", "edges", "join", "prolong", "relax", "restrict", "split"]


def relax(x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, color: int, *, fresh: bool = False) -> None:
    """Solves the blocks of all positions of one color, in place; ``fresh``: the other color's x counts as zero."""
    over_quads(_relax, weights, x, rhs, blocks, weights, color, fresh)


def restrict(x: torch.Tensor, weights: torch.Tensor, shares: torch.Tensor, coarse: torch.Tensor) -> None:
    """The residual on the coarser grid, as planes, where x comes from ``relax`` of color 0 (fresh) and then 1."""
    over_quads(_restrict, weights, x, weights, shares, coarse)


def prolong(coarse: torch.Tensor, shares: torch.Tensor, x: torch.Tensor) -> None:
    """Adds the coarser grid's correction, planes, to the positions of color 0."""
    over_quads(_prolong, shares, coarse, shares, x)


def apply(x: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, graph: Graph | None, out: torch.Tensor) -> None:
    """A x."""
    over_quads(_apply, weights, x, blocks, weights, out)
    if graph is not None:
        node_of, width = graph.node_of, graph.node_of.shape[1]
        values, flows = graph.scratch  # rows of 6, and 2 more that make a row one vector register
        over(_gather, node_of.shape[0], width, x, node_of, values)
        over(_ties, len(values), 1, graph.starts, graph.neighbors, graph.weights, values, flows)
        over(_scatter, node_of.shape[0], width, flows, node_of, out)


def dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sums the products row by row in float64, so that the sum does not depend on the number of threads."""
    rows = torch.empty(x.shape[2] - 2, dtype=torch.float64)
    over_quads(_dot, x, x, y, rows)
    return rows.sum()


def combine(x: torch.Tensor, factor: float | torch.Tensor, y: torch.Tensor, step: float | torch.Tensor) -> None:
    """x = factor * x + step * y, in place."""
    over_quads(_combine, x, x, np.float32(factor), y, np.float32(step))


# The loops over a row are short and use few arrays each, so that the compiler makes vector instructions of them.


@compiled(fastmath=True, error_model="numpy")
def _flow(x, weights, q, c, i, out):
    """Weighted sum of the neighbors of one row."""
    beside, across, left, up = q ^ 1, q ^ 2, (q & 1) - 1, i + (q >> 1) - 1
    for k in range(1, out.shape[0] - 1):
        sideways = weights[q, 0, i, k] * x[beside, c, i, k + left] + weights[q, 1, i, k] * x[beside, c, i, k + left + 1]
        out[k] = sideways + weights[q, 2, i, k] * x[across, c, up, k] + weights[q, 3, i, k] * x[across, c, up + 1, k]


@compiled(fastmath=True, error_model="numpy")
def _relax(first, last, x, rhs, blocks, weights, color, fresh):
    columns = weights.shape[3]
    degree, inverse = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    a, b = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    for i in range(first + 1, last + 1):
        for second in range(2):
            q = (1 + second) if color else 3 * second
            for k in range(1, columns - 1):
                degree[k] = weights[q, 0, i, k] + weights[q, 1, i, k] + weights[q, 2, i, k] + weights[q, 3, i, k]
            for c in range(3):
                if fresh:
                    a[:] = _ZERO
                    b[:] = _ZERO
                else:
                    _flow(x, weights, q, 2 * c, i, a)
                    _flow(x, weights, q, 2 * c + 1, i, b)
                for k in range(1, columns - 1):
                    a[k] += rhs[q, 2 * c, i, k]
                for k in range(1, columns - 1):
                    b[k] += rhs[q, 2 * c + 1, i, k]
                if blocks.shape[1] == 3:
                    for k in range(1, columns - 1):
                        inverse[k] = _ONE / max(blocks[q, c, i, k] + degree[k], _TINY)
                    for k in range(1, columns - 1):
                        x[q, 2 * c, i, k] = a[k] * inverse[k]
                    for k in range(1, columns - 1):
                        x[q, 2 * c + 1, i, k] = b[k] * inverse[k]
                else:
                    m = 3 * c
                    for k in range(1, columns - 1):
                        m12 = blocks[q, m + 1, i, k]
                        inverse[k] = _ONE / max((blocks[q, m, i, k] + degree[k]) * (blocks[q, m + 2, i, k] + degree[k]) - m12 * m12, _TINY)
                    for k in range(1, columns - 1):
                        x[q, 2 * c, i, k] = ((blocks[q, m + 2, i, k] + degree[k]) * a[k] - blocks[q, m + 1, i, k] * b[k]) * inverse[k]
                    for k in range(1, columns - 1):
                        x[q, 2 * c + 1, i, k] = ((blocks[q, m, i, k] + degree[k]) * b[k] - blocks[q, m + 1, i, k] * a[k]) * inverse[k]


@compiled(fastmath=True, error_model="numpy")
def _restrict(first, last, x, weights, shares, coarse):
    columns = weights.shape[3]
    above, here, total = np.zeros((6, columns), np.float32), np.zeros((6, columns), np.float32), np.zeros(columns, np.float32)
    if first > 0:
        for c in range(6):
            _flow(x, weights, 3, c, first, above[c])
    for i in range(first + 1, last + 1):
        for c in range(6):
            # Color 0 was solved with color 1 at zero: the inflow from color 1 is its residual, and color 1 has none.
            old, new = above[c], here[c]
            _flow(x, weights, 0, c, i, total)
            _flow(x, weights, 3, c, i, new)
            for k in range(1, columns - 1):
                total[k] += shares[0, i, k] * new[k] + shares[1, i, k - 1] * new[k - 1]
            for k in range(1, columns - 1):
                coarse[c, i, k] = total[k] + shares[2, i - 1, k] * old[k] + shares[3, i - 1, k - 1] * old[k - 1]
        above, here = here, above


@compiled(fastmath=True, error_model="numpy")
def _prolong(first, last, coarse, shares, x):
    columns = shares.shape[2]
    for i in range(first + 1, last + 1):
        for c in range(6):
            for k in range(1, columns - 1):
                x[0, c, i, k] += coarse[c, i, k]
            for k in range(1, columns - 1):
                here = shares[0, i, k] * coarse[c, i, k] + shares[1, i, k] * coarse[c, i, k + 1]
                x[3, c, i, k] += here + shares[2, i, k] * coarse[c, i + 1, k] + shares[3, i, k] * coarse[c, i + 1, k + 1]


@compiled(fastmath=True, error_model="numpy")
def _apply(first, last, x, blocks, weights, out):
    columns = weights.shape[3]
    for i in range(first + 1, last + 1):
        for q in range(4):
            beside, across, left, up = q ^ 1, q ^ 2, (q & 1) - 1, i + (q >> 1) - 1
            for c in range(6):
                # Differences first: degree times x would cancel only to the rounding of the largest weights.
                for k in range(1, columns - 1):
                    own = x[q, c, i, k]
                    out[q, c, i, k] = weights[q, 0, i, k] * (own - x[beside, c, i, k + left]) + weights[q, 1, i, k] * (own - x[beside, c, i, k + left + 1])
                for k in range(1, columns - 1):
                    own = x[q, c, i, k]
                    out[q, c, i, k] += weights[q, 2, i, k] * (own - x[across, c, up, k]) + weights[q, 3, i, k] * (own - x[across, c, up + 1, k])
                if blocks.shape[1] == 3:
                    for k in range(1, columns - 1):
                        out[q, c, i, k] += blocks[q, c >> 1, i, k] * x[q, c, i, k]
                else:
                    m = 3 * (c >> 1) + 2 * (c & 1)
                    for k in range(1, columns - 1):
                        out[q, c, i, k] += blocks[q, m, i, k] * x[q, c, i, k] + blocks[q, 3 * (c >> 1) + 1, i, k] * x[q, c ^ 1, i, k]


@compiled(fastmath=True, error_model="numpy")
def _gather(first, last, x, node_of, values):
    width = node_of.shape[1]
    for row in range(first, last):
        for col in range(width):
            node = node_of[row, col]
            if node >= 0:
                for c in range(6):
                    values[node, c] = x[2 * (row & 1) + (col & 1), c, (row >> 1) + 1, (col >> 1) + 1]


@compiled(fastmath=True, error_model="numpy")
def _ties(first, last, starts, neighbors, strengths, values, flows):
    for node in range(first, last):
        degree = _ZERO
        for c in range(8):
            flows[node, c] = _ZERO
        for e in range(starts[node], starts[node + 1]):
            other, weight = neighbors[e], strengths[e]
            degree += weight
            for c in range(8):
                flows[node, c] -= weight * values[other, c]
        for c in range(8):
            flows[node, c] += degree * values[node, c]


@compiled(fastmath=True, error_model="numpy")
def _scatter(first, last, flows, node_of, out):
    width = node_of.shape[1]
    for row in range(first, last):
        for col in range(width):
            node = node_of[row, col]
            if node >= 0:
                for c in range(6):
                    out[2 * (row & 1) + (col & 1), c, (row >> 1) + 1, (col >> 1) + 1] += flows[node, c]


@compiled(fastmath=True, error_model="numpy")
def _dot(first, last, x, y, rows):
    for i in range(first + 1, last + 1):
        total = np.float64(0.0)
        for q in range(4):
            for c in range(6):
                part = _ZERO
                for k in range(1, x.shape[3] - 1):
                    part += x[q, c, i, k] * y[q, c, i, k]
                total += part
        rows[i - 1] = total


@compiled(fastmath=True, error_model="numpy")
def _combine(first, last, x, factor, y, step):
    for i in range(first + 1, last + 1):
        for q in range(4):
            for c in range(6):
                for k in range(1, x.shape[3] - 1):
                    x[q, c, i, k] = factor * x[q, c, i, k] + step * y[q, c, i, k]
