"""The kernels of :mod:`nct_core.solvers` on any torch device; shapes and meaning of the arrays are given there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from . import solvers


def apply(x: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, graph: solvers.Graph | None) -> torch.Tensor:
    """A x."""
    out = _times_blocks(blocks, x)
    flow = right[:, :-1, None] * (x[:, :-1] - x[:, 1:])
    out[:, :-1] += flow
    out[:, 1:] -= flow
    flow = down[:-1, :, None] * (x[:-1] - x[1:])
    out[:-1] += flow
    out[1:] -= flow
    if graph is not None:
        flat = x.reshape(-1, 6)
        ends = graph.starts.long()
        here = torch.repeat_interleave(torch.arange(flat.shape[0], device=x.device), ends[1:] - ends[:-1])
        flow = graph.weights[:, None] * (flat[here] - flat[graph.neighbours.long()])
        out += _sum_rows(flow, ends, here).view_as(out)
    return out


def dot(x: torch.Tensor, y: torch.Tensor) -> float:
    """Sum of the products; not torch.dot, since a BLAS may add up in another order from one run to the next."""
    return float((x * y).sum())


def combine(x: torch.Tensor, factor: float, y: torch.Tensor, step: float) -> None:
    """x = factor * x + step * y, in place."""
    x.mul_(factor).add_(y, alpha=step)


def _sum_rows(flow: torch.Tensor, ends: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """Sums the values of each row of compressed rows, in a fixed order where the device can."""
    if flow.device.type == "mps":  # has no segment_reduce
        return flow.new_zeros(ends.shape[0] - 1, flow.shape[1]).index_add_(0, here, flow)
    return torch.segment_reduce(flow, "sum", offsets=ends, axis=0, initial=0.0)


def _times_blocks(blocks: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    m11, m12, m22 = blocks[..., 0::3], blocks[..., 1::3], blocks[..., 2::3]
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([m11 * a + m12 * b, m12 * a + m22 * b], -1).flatten(-2)


def smooth(x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, color: int) -> None:
    """One half of a red-black Gauss-Seidel sweep, in place: solves the blocks of every position of one colour (0 or 1)."""
    known = rhs.clone()
    known[:, :-1] += right[:, :-1, None] * x[:, 1:]
    known[:, 1:] += right[:, :-1, None] * x[:, :-1]
    known[:-1] += down[:-1, :, None] * x[1:]
    known[1:] += down[:-1, :, None] * x[:-1]
    degree = torch.zeros_like(right)
    degree[:, :-1] += right[:, :-1]
    degree[:, 1:] += right[:, :-1]
    degree[:-1] += down[:-1]
    degree[1:] += down[:-1]
    m11, m12, m22 = blocks[..., 0::3] + degree[..., None], blocks[..., 1::3], blocks[..., 2::3] + degree[..., None]
    a, b = known[..., 0::2], known[..., 1::2]
    solved = torch.stack([m22 * a - m12 * b, m11 * b - m12 * a], -1) / (m11 * m22 - m12 * m12)[..., None]
    height, width = right.shape
    parity = torch.arange(height, device=x.device)[:, None] + torch.arange(width, device=x.device)
    x.copy_(torch.where((parity % 2 == color)[..., None], solved.flatten(-2), x))


def restrict_residual(
    x: torch.Tensor, rhs: torch.Tensor, blocks: torch.Tensor, right: torch.Tensor, down: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    """The residual rhs - A x summed over 2x2 aggregates, [*shape, 6]."""
    residual = rhs - apply(x, blocks, right, down, None)
    height, width = right.shape
    padded = torch.nn.functional.pad(residual, (0, 0, 0, width % 2, 0, height % 2))
    return padded.view(shape[0], 2, shape[1], 2, 6).sum((1, 3))


def prolong_add(coarse: torch.Tensor, x: torch.Tensor) -> None:
    """x += the coarse correction, constant over each aggregate."""
    height, width = x.shape[:2]
    x += coarse.repeat_interleave(2, 0).repeat_interleave(2, 1)[:height, :width]
