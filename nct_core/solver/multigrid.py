"""The preconditioner: one symmetric V(1, 1)-cycle of multigrid over D + L_grid with the graph's degree added to the diagonal (ours).

The smoother is red-black block Gauss-Seidel. A coarser grid has every second row and column; values between its positions are interpolated by
the weights of the edges (as in "black box" multigrid, Dendy 1982), so that nothing is carried across an edge of the image. The coarser
operator is Galerkin's, reduced to four neighbors.
"""

from __future__ import annotations

import torch

from . import kernels_torch, quads
from .graph import Graph
from .system import Level, System

_COARSEST_SWEEPS = 6


class Preconditioner:
    """One V-cycle from zero; symmetric, so that it preconditions conjugate gradients. Every call reuses its arrays."""

    def __init__(self, system: System) -> None:
        self._levels, self._kernels = system.grid.levels, system.grid.kernels
        blocks = system.blocks
        if system.graph is not None:
            share = degree(system.graph)[..., None]
            blocks = blocks + (share if blocks.shape[2] == 3 else share * blocks.new_tensor([1.0, 0.0, 1.0]).repeat(3))
        self._blocks = [quads.to_quads(blocks)]
        for level, coarser in zip(self._levels, self._levels[1:]):
            planes = torch.zeros_like(level.weights[0, :1]).repeat(blocks.shape[2], 1, 1)
            self._kernels.coarsen_blocks(self._blocks[-1], level.weights, level.shares, planes)
            self._blocks.append(_quads(coarser, blocks.shape[2]))
            self._kernels.split(planes[:, 1:-1, 1:-1], self._blocks[-1])
        self._x = [_quads(level, 6) for level in self._levels]
        self._rhs = [_quads(level, 6) for level in self._levels[1:]]
        self._planes = [torch.zeros_like(x[0]) for x in self._x[:-1]]

    def __call__(self, rhs: torch.Tensor, depth: int = 0) -> torch.Tensor:
        """Returns M rhs as quads; the next call overwrites them."""
        level, kernels, x = self._levels[depth], self._kernels, self._x[depth]
        system = (x, rhs, self._blocks[depth], level.weights)
        kernels.relax(*system, 0, fresh=True)
        if depth == len(self._levels) - 1:
            for color in (1, 0) * _COARSEST_SWEEPS:
                kernels.relax(*system, color)
            return x
        kernels.relax(*system, 1)
        planes = self._planes[depth]
        kernels.restrict(x, level.weights, level.shares, planes)
        kernels.split(planes[:, 1:-1, 1:-1], self._rhs[depth])
        kernels.join(self(self._rhs[depth], depth + 1), planes[:, 1:-1, 1:-1])
        kernels.prolong(planes, level.shares, x)
        kernels.relax(*system, 1)
        kernels.relax(*system, 0)
        return x


def _quads(level: Level, planes: int) -> torch.Tensor:
    rows, columns = level.weights.shape[2:]
    return level.weights.new_zeros(4, planes, rows, columns)


def degree(graph: Graph) -> torch.Tensor:
    """Sum of the weights of the graph's edges at every position, float32 [h, w]."""
    total = graph.weights.new_zeros(graph.node_of.shape)
    total[graph.positions] = kernels_torch.sum_rows(graph.weights[:, None], graph.starts.long())[:, 0]
    return total
