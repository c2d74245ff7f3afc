"""The linear solver of both least-squares problems: multigrid-preconditioned conjugate gradients.

Unknowns are a pair (a, b) for each of three channels at every position of a grid: x [h, w, 6]. The system is

    A x = D x + L_grid x + L_graph x

with D block-diagonal (one symmetric 2x2 block a channel and position), L_grid the weighted Laplacian of the 4-neighbour grid and
L_graph the weighted Laplacian of any further edges. The preconditioner is one symmetric V(2, 2)-cycle over D + L_grid with half of
the graph's degree added to the diagonal: red-black block Gauss-Seidel, 2x2 aggregates (ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from . import multigrid_cpu, multigrid_torch
from .errors import ConvergenceError

# Constant aggregates overstate the stiffness of smooth errors by up to 2; half-way between was fastest on photographs.
_COARSE_EDGE_SCALE = 0.7
_COARSEST_POSITIONS = 32
_SWEEPS = 2


@dataclass(frozen=True)
class Graph:
    """Undirected weighted edges between flat positions, each stored from both of its ends (compressed rows).

    Attributes:
        starts: int32 [h * w + 1]; the edges of position p are ``starts[p] : starts[p + 1]``.
        neighbours: int32 [edges], the other end.
        weights: float32 [edges], positive.
    """

    starts: torch.Tensor
    neighbours: torch.Tensor
    weights: torch.Tensor

    def degree(self) -> torch.Tensor:
        """Sum of the weights at every position, float32 [h * w]."""
        total = np.concatenate([[0.0], np.cumsum(self.weights.cpu().numpy(), dtype=np.float64)])
        return torch.from_numpy(np.diff(total[self.starts.cpu().numpy()]).astype(np.float32)).to(self.weights.device)


@dataclass(frozen=True)
class System:
    """The matrix A of the module's docstring, all float32 on one device.

    Attributes:
        blocks: [h, w, 9]: (m11, m12, m22) of D for each channel.
        right: [h, w]: weight of the edge to the right neighbour; the last column is ignored.
        down: [h, w]: weight of the edge to the neighbour below; the last row is ignored.
        graph: further edges, or None.
    """

    blocks: torch.Tensor
    right: torch.Tensor
    down: torch.Tensor
    graph: Graph | None = None


@dataclass(frozen=True)
class Solution:
    """Attributes: x float32 [h, w, 6]; iterations; error: the estimated relative error in the energy norm."""

    x: torch.Tensor
    iterations: int
    error: float


def kernels_for(tensor: torch.Tensor) -> Any:
    """The module that holds the kernels for a tensor's device; both have the same functions."""
    return multigrid_cpu if tensor.device.type == "cpu" else multigrid_torch


def multiply(system: System, x: torch.Tensor) -> torch.Tensor:
    """A x, float32 [h, w, 6]."""
    return kernels_for(x).apply(x, system.blocks, system.right, system.down, system.graph)


def solve(system: System, rhs: torch.Tensor, *, tolerance: float, max_iterations: int = 300, start: torch.Tensor | None = None) -> Solution:
    """Solves A x = rhs.

    Args:
        system: a positive definite system.
        rhs: float32 [h, w, 6].
        tolerance: on the relative error in the energy norm, estimated as sqrt(r . M r / x . rhs) with the preconditioner M.
        max_iterations: after which it gives up.
        start: first guess, float32 [h, w, 6]; zero if None.

    Raises:
        ConvergenceError: the tolerance was not reached.
    """
    hierarchy, kernels = _hierarchy(system), kernels_for(rhs)
    x = torch.zeros_like(rhs) if start is None else start.clone()
    residual = rhs - multiply(system, x) if start is not None else rhs.clone()
    z = _cycle(hierarchy, 0, residual)
    direction, rz = z.clone(), kernels.dot(residual, z)
    for iteration in range(max_iterations + 1):
        # x . rhs is the energy of the solution; x . (rhs - residual) that of what was found so far.
        energy = max(along := kernels.dot(x, rhs), along - kernels.dot(x, residual))
        error = (max(rz, 0.0) / energy) ** 0.5 if energy > 0 else (0.0 if rz <= 0 else float("inf"))
        if error <= tolerance:
            return Solution(x, iteration, error)
        product = multiply(system, direction)
        step = rz / kernels.dot(direction, product)
        kernels.combine(x, 1.0, direction, step)
        kernels.combine(residual, 1.0, product, -step)
        z = _cycle(hierarchy, 0, residual)
        rz, old = kernels.dot(residual, z), rz
        kernels.combine(direction, rz / old, z, 1.0)
    raise ConvergenceError(f"expected a relative error of {tolerance:g} from the linear solver, got {error:.3g} after {max_iterations} iterations")


def _hierarchy(system: System) -> list[System]:
    blocks = system.blocks
    if system.graph is not None:
        shift = 0.5 * system.graph.degree().view(*system.right.shape, 1)
        blocks = blocks + shift * torch.tensor([1.0, 0.0, 1.0], device=blocks.device).repeat(3)
    right, down = system.right.clone(), system.down.clone()
    right[:, -1], down[-1] = 0.0, 0.0
    levels = [System(blocks, right, down)]
    while levels[-1].right.numel() > _COARSEST_POSITIONS:
        levels.append(_coarsen(levels[-1]))
    return levels


def _coarsen(fine: System) -> System:
    """Galerkin coarsening onto 2x2 aggregates: blocks add up, and so do the edges that join two aggregates."""
    height, width = fine.right.shape
    pad = (0, width % 2, 0, height % 2)
    blocks = torch.nn.functional.pad(fine.blocks, (0, 0, *pad)).view((height + 1) // 2, 2, (width + 1) // 2, 2, 9).sum((1, 3))
    right = torch.nn.functional.pad(fine.right, pad)[:, 1::2]
    down = torch.nn.functional.pad(fine.down, pad)[1::2]
    return System(
        blocks.contiguous(),
        ((right[0::2] + right[1::2]) * _COARSE_EDGE_SCALE).contiguous(),
        ((down[:, 0::2] + down[:, 1::2]) * _COARSE_EDGE_SCALE).contiguous(),
    )


def _cycle(levels: list[System], depth: int, rhs: torch.Tensor) -> torch.Tensor:
    """One V-cycle from zero; symmetric, so that it preconditions conjugate gradients."""
    kernels, system = kernels_for(rhs), levels[depth]
    last = depth == len(levels) - 1
    x = torch.zeros_like(rhs)
    for color in (0, 1) * (4 * _SWEEPS if last else _SWEEPS):
        kernels.smooth(x, rhs, system.blocks, system.right, system.down, color)
    if not last:
        shape = levels[depth + 1].right.shape
        coarse = kernels.restrict_residual(x, rhs, system.blocks, system.right, system.down, shape)
        kernels.prolong_add(_cycle(levels, depth + 1, coarse), x)
    for color in (1, 0) * (4 * _SWEEPS if last else _SWEEPS):
        kernels.smooth(x, rhs, system.blocks, system.right, system.down, color)
    return x
