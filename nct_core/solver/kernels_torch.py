"""The kernels of :mod:`nct_core.solver.quads` on any torch device; the arrays and their layout are explained there."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..runtime.backend import sums_segments
from .graph import Graph

_TINY = 1e-30
_INSIDE = (..., slice(1, -1), slice(1, -1))


def split(planes: torch.Tensor, quads: torch.Tensor) -> None:
    """Planes [p, h, w] into quads."""
    padded = F.pad(planes, (0, planes.shape[2] % 2, 0, planes.shape[1] % 2))
    for q in range(4):
        quads[q][_INSIDE] = padded[:, q >> 1 :: 2, q & 1 :: 2]


def join(quads: torch.Tensor, planes: torch.Tensor) -> None:
    """Quads into planes [p, h, w]."""
    for q in range(4):
        part = planes[:, q >> 1 :: 2, q & 1 :: 2]
        part.copy_(quads[q, :, 1 : 1 + part.shape[1], 1 : 1 + part.shape[2]])


def edges(right: torch.Tensor, down: torch.Tensor, weights: torch.Tensor) -> None:
    """The weights of every position's edges to the left, right, up and down."""
    right, down = F.pad(right[:, :-1], (1, 1)), F.pad(down[:-1], (0, 0, 1, 1))
    split(torch.stack([right[:, :-1], right[:, 1:], down[:-1], down[1:]]), weights)


def _shares(one: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scale = 1.0 / (one + other).clamp_min(_TINY)
    return one * scale, other * scale


def coarsen_edges(weights: torch.Tensor, shares: torch.Tensor, right: torch.Tensor, down: torch.Tensor) -> None:
    """Fills in how the positions of the last quad are interpolated, and the edges of the coarser grid."""
    across, along = torch.stack(_shares(weights[1, 0], weights[1, 1])), torch.stack(_shares(weights[2, 2], weights[2, 3]))
    zero = torch.zeros_like(right)
    ends = [  # for the edges of a cell's center, to the left, right, up and down: the corners' shares (00, 01, 10, 11) at the other end
        (along[0][_INSIDE], zero, along[1][_INSIDE], zero),
        (zero, along[0, 1:-1, 2:], zero, along[1, 1:-1, 2:]),
        (across[0][_INSIDE], across[1][_INSIDE], zero, zero),
        (zero, zero, across[0, 2:, 1:-1], across[1, 2:, 1:-1]),
    ]
    strengths = weights[3][_INSIDE]
    scale = 1.0 / strengths.sum(0).clamp_min(_TINY)
    inside = torch.stack([sum(w * end[corner] for w, end in zip(strengths, ends)) * scale for corner in range(4)])
    shares[_INSIDE] = inside
    gaps = torch.stack([torch.stack(end) for end in ends]) - inside

    def energy(m: int, n: int) -> torch.Tensor:
        return -(strengths * gaps[:, m] * gaps[:, n]).sum(0)

    diagonal = 0.5 * (energy(0, 3) + energy(1, 2))
    top, bottom, left, last = energy(0, 1) + diagonal, energy(2, 3) + diagonal, energy(0, 2) + diagonal, energy(1, 3) + diagonal
    one, other = weights[1, 0][_INSIDE], weights[1, 1][_INSIDE]
    right.copy_((one * other / (one + other).clamp_min(_TINY) + top + F.pad(bottom, (0, 0, 1, 0))[:-1]).clamp_min(0))
    one, other = weights[2, 2][_INSIDE], weights[2, 3][_INSIDE]
    down.copy_((one * other / (one + other).clamp_min(_TINY) + left + F.pad(last, (1, 0))[:, :-1]).clamp_min(0))


def coarsen_blocks(blocks: torch.Tensor, weights: torch.Tensor, shares: torch.Tensor, coarse: torch.Tensor) -> None:
    """D of the coarser grid as planes: every position's block is added to the positions from which it is interpolated."""
    before, after = _shares(weights[1, 0], weights[1, 1])
    below, above = _shares(weights[2, 2], weights[2, 3])
    coarse[_INSIDE] = (
        blocks[0][_INSIDE]
        + (before * blocks[1])[_INSIDE] + (after * blocks[1])[:, 1:-1, :-2]
        + (below * blocks[2])[_INSIDE] + (above * blocks[2])[:, :-2, 1:-1]
        + _to_corners(blocks[3], shares)
    )  # fmt: skip


def _to_corners(planes: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """The share of values at the cells' centers that goes to the corners."""
    values = [share * planes for share in shares]
    return values[0][_INSIDE] + values[1][:, 1:-1, :-2] + values[2][:, :-2, 1:-1] + values[3][:, :-2, :-2]


def _neighbors(x: torch.Tensor, q: int) -> list[torch.Tensor]:
    """x to the left, right, up and down of the positions of quad q, each [6, rows, columns]."""
    rows, columns, left, up = x.shape[2] - 2, x.shape[3] - 2, q & 1, q >> 1
    beside, across = x[q ^ 1, :, 1:-1], x[q ^ 2, :, :, 1:-1]
    return [beside[..., left : left + columns], beside[..., left + 1 : left + 1 + columns], across[:, up : up + rows], across[:, up + 1 : up + 1 + rows]]


def _flow(x: torch.Tensor, weights: torch.Tensor, q: int) -> torch.Tensor:
    left, right, up, down = _neighbors(x, q)
    w = weights[q][_INSIDE]
    return w[0] * left + w[1] * right + w[2] * up + w[3] * down


def relax(x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, color: int, *, fresh: bool = False) -> None:
    """Solves the blocks of all positions of one color, in place; ``fresh``: the other color's x counts as zero."""
    for q in (1, 2) if color else (0, 3):
        known = rhs[q][_INSIDE] if fresh else rhs[q][_INSIDE] + _flow(x, weights, q)
        degree, block = weights[q][_INSIDE].sum(0), blocks[q][_INSIDE]
        if block.shape[0] == 3:
            x[q][_INSIDE] = known * (1.0 / (block + degree).clamp_min(_TINY)).repeat_interleave(2, 0)
            continue
        m11, m12, m22 = block[0::3] + degree, block[1::3], block[2::3] + degree
        inverse = 1.0 / (m11 * m22 - m12 * m12).clamp_min(_TINY)
        a, b = known[0::2], known[1::2]
        x[q, 0::2][_INSIDE] = (m22 * a - m12 * b) * inverse
        x[q, 1::2][_INSIDE] = (m11 * b - m12 * a) * inverse


def restrict(x: torch.Tensor, weights: torch.Tensor, shares: torch.Tensor, coarse: torch.Tensor) -> None:
    """The residual on the coarser grid, as planes, where x comes from ``relax`` of color 0 (fresh) and then 1."""
    coarse[_INSIDE] = _flow(x, weights, 0) + _to_corners(F.pad(_flow(x, weights, 3), (1, 1, 1, 1)), shares)


def prolong(coarse: torch.Tensor, shares: torch.Tensor, x: torch.Tensor) -> None:
    """Adds the coarser grid's correction, planes, to the positions of color 0."""
    x[0][_INSIDE] += coarse[_INSIDE]
    s = shares[_INSIDE]
    x[3][_INSIDE] += s[0] * coarse[_INSIDE] + s[1] * coarse[:, 1:-1, 2:] + s[2] * coarse[:, 2:, 1:-1] + s[3] * coarse[:, 2:, 2:]


def apply(x: torch.Tensor, blocks: torch.Tensor, weights: torch.Tensor, graph: Graph | None, out: torch.Tensor) -> None:
    """A x."""
    for q in range(4):
        own, block = x[q][_INSIDE], blocks[q][_INSIDE]
        total = sum(w * (own - other) for w, other in zip(weights[q][_INSIDE], _neighbors(x, q)))
        if block.shape[0] == 3:
            total += block.repeat_interleave(2, 0) * own
        else:
            total[0::2] += block[0::3] * own[0::2] + block[1::3] * own[1::2]
            total[1::2] += block[1::3] * own[0::2] + block[2::3] * own[1::2]
        out[q][_INSIDE] = total
    if graph is not None:
        add_ties(x, graph, out)


def add_ties(x: torch.Tensor, graph: Graph, out: torch.Tensor) -> None:
    """Adds L_graph x to ``out``."""
    row, col = graph.positions
    at = (2 * (row % 2) + col % 2, slice(None), row // 2 + 1, col // 2 + 1)
    values = x[at]
    ends = graph.starts.long()
    here = _rows_of(ends, graph.neighbors.shape[0])
    out[at] += sum_rows(graph.weights[:, None] * (values[here] - values[graph.neighbors.long()]), ends)


def sum_rows(values: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Sums values [n, c] over each row of compressed rows, in a fixed order where the device can; ``ends``: int64 [rows + 1]."""
    if not sums_segments(values):
        return values.new_zeros(ends.shape[0] - 1, values.shape[1]).index_add_(0, _rows_of(ends, values.shape[0]), values)
    return torch.segment_reduce(values, "sum", offsets=ends, axis=0, initial=0.0)


def _rows_of(ends: torch.Tensor, count: int) -> torch.Tensor:
    """The row of every one of ``count`` values."""
    return torch.repeat_interleave(torch.arange(ends.shape[0] - 1, device=ends.device), ends[1:] - ends[:-1], output_size=count)


def dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sums the products; not by torch.dot, since a BLAS may add in a different order from run to run."""
    return (x * y).sum()


def combine(x: torch.Tensor, factor: float | torch.Tensor, y: torch.Tensor, step: float | torch.Tensor) -> None:
    """x = factor * x + step * y, in place."""
    x.mul_(factor).add_(y * step)
