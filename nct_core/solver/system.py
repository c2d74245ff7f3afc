"""The linear systems of both least-squares problems.

Unknowns are a pair (a, b) for each of three channels at every position of a grid. The system is

    A x = D x + L_grid x + L_graph x

with D block-diagonal (one symmetric 2x2 block for each channel and position), L_grid the weighted Laplacian of the 4-neighbor grid and
L_graph the weighted Laplacian of any further edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..runtime.backend import Kernels
from . import quads
from .graph import Graph

_COARSEST_POSITIONS = 32


@dataclass(frozen=True)
class Level:
    """One grid of a hierarchy.

    Attributes:
        shape: (h, w) of the grid.
        weights: quads of 4 planes: the edges to the left, right, up and down.
        shares: planes [4, ...]: shares of the four corners (00, 01, 10, 11) of each coarse cell in the position at its center.
    """

    shape: tuple[int, int]
    weights: torch.Tensor
    shares: torch.Tensor


class Grid:
    """A grid's weighted edges and their coarser grids: built once for any number of systems.

    Args:
        right: float32 [h, w]: weight of the edge to the right neighbor, not negative; the last column is ignored.
        down: float32 [h, w]: weight of the edge to the neighbor below; the last row is ignored.
        kernels: kernels of the device, see :class:`nct_core.runtime.backend.Backend`; None: without Triton.
    """

    def __init__(self, right: torch.Tensor, down: torch.Tensor, kernels: Kernels | None = None) -> None:
        self.kernels = quads.kernels_for(right, kernels)
        self.levels: list[Level] = []
        while True:
            height, width = right.shape
            rows, columns = (height + 1) // 2, (width + 1) // 2
            weights, shares = right.new_zeros(4, 4, rows + 2, columns + 2), right.new_zeros(4, rows + 2, columns + 2)
            self.kernels.edges(right, down, weights)
            self.levels.append(Level((height, width), weights, shares))
            if height * width <= _COARSEST_POSITIONS:
                break
            right, down = right.new_empty(rows, columns), right.new_empty(rows, columns)
            self.kernels.coarsen_edges(weights, shares, right, down)

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return self.levels[0].shape


@dataclass(frozen=True)
class System:
    """The matrix A of the module's docstring, all float32 on one device.

    Attributes:
        blocks: [h, w, 9]: (m11, m12, m22) of D for each channel; or [h, w, 3]: the blocks are these multiples of the identity.
        grid: a grid of the same shape.
        graph: further edges, or None.
    """

    blocks: torch.Tensor
    grid: Grid
    graph: Graph | None = None


@dataclass(frozen=True)
class Solution:
    """Attributes: x float32 [h, w, 6]; iterations; error: the estimated relative error in the energy norm."""

    x: torch.Tensor
    iterations: int
    error: float


def multiply(system: System, x: torch.Tensor) -> torch.Tensor:
    """Returns A x, float32 [h, w, 6]."""
    unknowns = quads.to_quads(x)
    out = torch.zeros_like(unknowns)
    system.grid.kernels.apply(unknowns, quads.to_quads(system.blocks), system.grid.levels[0].weights, system.graph, out)
    return quads.from_quads(out, system.grid.shape)
