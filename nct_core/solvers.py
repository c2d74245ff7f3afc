"""The linear solver of both least-squares problems: multigrid-preconditioned conjugate gradients.

Unknowns are a pair (a, b) for each of three channels at every position of a grid. The system is

    A x = D x + L_grid x + L_graph x

with D block-diagonal (one symmetric 2x2 block a channel and position), L_grid the weighted Laplacian of the 4-neighbor grid and
L_graph the weighted Laplacian of any further edges. The preconditioner is one symmetric V(1, 1)-cycle over D + L_grid with
the graph's degree added to the diagonal (ours): red-black block Gauss-Seidel; coarser grids of every second row and column; what
lies between their positions is interpolated along the edges' weights (as in "black box" multigrid, Dendy 1982), so that nothing is
carried across an edge of the picture; the coarser operator is Galerkin's, brought back to four neighbors.

Layout of the kernels' arrays ("quads"): float32 [4, planes, rows + 2, columns + 2]. Quad 2 * (row parity) + (column parity) holds
every second row and column of the grid, with a frame of zeros; what a grid of odd size lacks is zero as well. Quads 0 and 3 are
color 0 of the checkerboard, 1 and 2 color 1: all of a position's neighbors lie in the other color's quads, side by side in
memory. The coarser grid is quad 0. "Planes" are float32 [planes, rows + 2, columns + 2] on the coarser grid, framed likewise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch

from . import multigrid_cpu, multigrid_torch
from .advance import Advance, unwatched
from .errors import ConvergenceError

_COARSEST_POSITIONS = 32
_COARSEST_SWEEPS = 6
_TINY = 1e-30
_TYPICAL_ITERATIONS = 8
# Between two checks of convergence; every check waits for a GPU to catch up.
_CHECK_EVERY = {"cpu": 1}
_CHECK_EVERY_ELSEWHERE = 4


@dataclass(frozen=True)
class Graph:
    """Undirected weighted edges between positions, each stored from both of its ends (compressed rows).

    Attributes:
        node_of: int32 [h, w], the node at every position, -1 for none. The order of nodes is free: those that are tied should be near
            each other.
        starts: int32 [n + 1]; the edges of node p are ``starts[p] : starts[p + 1]``.
        neighbors: int32 [edges], the node at the other end.
        weights: float32 [edges], positive.
    """

    node_of: torch.Tensor
    starts: torch.Tensor
    neighbors: torch.Tensor
    weights: torch.Tensor

    @functools.cached_property
    def positions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Row and column of every node, int64 [n] each."""
        row, col = (self.node_of >= 0).nonzero().unbind(1)
        order = self.node_of[row, col].argsort()
        return row[order], col[order]

    @functools.cached_property
    def scratch(self) -> torch.Tensor:
        """float32 [2, n, 8] that a multiplication works in; its last two columns stay zero."""
        return self.weights.new_zeros(2, self.starts.shape[0] - 1, 8)

    def degree(self) -> torch.Tensor:
        """Sum of the weights at every position, float32 [h, w]."""
        total = self.weights.new_zeros(self.node_of.shape)
        total[self.positions] = multigrid_torch.sum_rows(self.weights[:, None], self.starts.long())[:, 0]
        return total


@dataclass(frozen=True)
class _Level:
    """One grid of a hierarchy.

    Attributes:
        shape: (h, w) of the grid.
        weights: quads of 4 planes: the edges to the left, right, up and down.
        shares: planes [4, ...]: of the four corners (00, 01, 10, 11) of each coarse cell in the position at its center.
    """

    shape: tuple[int, int]
    weights: torch.Tensor
    shares: torch.Tensor


class Grid:
    """A grid's weighted edges and their coarser grids: built once for any number of systems.

    Args:
        right: float32 [h, w]: weight of the edge to the right neighbor, not negative; the last column is ignored.
        down: float32 [h, w]: weight of the edge to the neighbor below; the last row is ignored.
    """

    def __init__(self, right: torch.Tensor, down: torch.Tensor) -> None:
        kernels = kernels_for(right)
        self.levels: list[_Level] = []
        while True:
            height, width = right.shape
            rows, columns = (height + 1) // 2, (width + 1) // 2
            weights, shares = right.new_zeros(4, 4, rows + 2, columns + 2), right.new_zeros(4, rows + 2, columns + 2)
            kernels.edges(right, down, weights)
            self.levels.append(_Level((height, width), weights, shares))
            if height * width <= _COARSEST_POSITIONS:
                break
            right, down = right.new_empty(rows, columns), right.new_empty(rows, columns)
            kernels.coarsen_edges(weights, shares, right, down)

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return self.levels[0].shape


@dataclass(frozen=True)
class System:
    """The matrix A of the module's docstring, all float32 on one device.

    Attributes:
        blocks: [h, w, 9]: (m11, m12, m22) of D for each channel; or [h, w, 3]: its blocks are these multiples of the identity.
        grid: of the same shape.
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


def kernels_for(tensor: torch.Tensor) -> Any:
    """The module that holds the kernels for a tensor's device; both have the same functions."""
    return multigrid_cpu if tensor.device.type == "cpu" else multigrid_torch


def to_quads(image: torch.Tensor) -> torch.Tensor:
    """[h, w, planes] -> quads."""
    height, width, planes = image.shape
    quads = image.new_zeros(4, planes, (height + 1) // 2 + 2, (width + 1) // 2 + 2)
    kernels_for(image).split(image.permute(2, 0, 1), quads)
    return quads


def from_quads(quads: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Quads -> [*shape, planes]."""
    image = quads.new_empty(*shape, quads.shape[1])
    kernels_for(quads).join(quads, image.permute(2, 0, 1))
    return image


def multiply(system: System, x: torch.Tensor) -> torch.Tensor:
    """A x, float32 [h, w, 6]."""
    quads = to_quads(x)
    out = torch.zeros_like(quads)
    kernels_for(x).apply(quads, to_quads(system.blocks), system.grid.levels[0].weights, system.graph, out)
    return from_quads(out, system.grid.shape)


def solve(
    system: System,
    rhs: torch.Tensor,
    *,
    tolerance: float,
    max_iterations: int = 300,
    start: torch.Tensor | None = None,
    advance: Advance = unwatched,
) -> Solution:
    """Solves A x = rhs.

    Args:
        system: a positive definite system.
        rhs: float32 [h, w, 6].
        tolerance: on the relative error in the energy norm, estimated as sqrt(r . M r / x . rhs) with the preconditioner M.
        max_iterations: after which it gives up.
        start: first guess, float32 [h, w, 6]; zero if None.
        advance: called before every iteration, with a guess.

    Raises:
        ConvergenceError: the tolerance was not reached.
    """
    kernels, grid = kernels_for(rhs), system.grid
    precondition = _Preconditioner(system)
    advance(0.0)
    blocks, rhs = to_quads(system.blocks), to_quads(rhs)
    x, product = torch.zeros_like(rhs) if start is None else to_quads(start), torch.zeros_like(rhs)

    def multiply_into_product(vector: torch.Tensor) -> None:
        kernels.apply(vector, blocks, grid.levels[0].weights, system.graph, product)

    residual = rhs.clone()
    if start is not None:
        multiply_into_product(x)
        kernels.combine(residual, 1.0, product, -1.0)
    z = precondition(residual)
    direction, rz = z.clone(), kernels.dot(residual, z)
    every = _CHECK_EVERY.get(rhs.device.type, _CHECK_EVERY_ELSEWHERE)
    energy = 0.0
    for iteration in range(max_iterations + 1):
        if iteration % every == 0 or iteration == max_iterations:
            left = max(float(rz), 0.0)
            if left <= tolerance**2 * energy or iteration in (0, every, max_iterations):
                # x . rhs is the energy of the solution; x . (rhs - residual) that of what was found so far.
                along = kernels.dot(x, rhs)
                energy = float(torch.maximum(along, along - kernels.dot(x, residual)))
            error = (left / energy) ** 0.5 if energy > 0 else (0.0 if left == 0 else float("inf"))
            if error <= tolerance:
                return Solution(from_quads(x, grid.shape), iteration, error)
        advance(iteration / (iteration + _TYPICAL_ITERATIONS))
        multiply_into_product(direction)
        step = rz / kernels.dot(direction, product).clamp_min(_TINY)
        kernels.combine(x, 1.0, direction, step)
        kernels.combine(residual, 1.0, product, -step)
        z = precondition(residual)
        rz, old = kernels.dot(residual, z), rz
        kernels.combine(direction, rz / old.clamp_min(_TINY), z, 1.0)
    raise ConvergenceError(f"expected a relative error of {tolerance:g} from the linear solver, got {error:.3g} after {max_iterations} iterations")


class _Preconditioner:
    """One V-cycle from zero; symmetric, so that it preconditions conjugate gradients. Its arrays are used again by every call."""

    def __init__(self, system: System) -> None:
        self._levels, self._kernels = system.grid.levels, kernels_for(system.blocks)
        blocks = system.blocks
        if system.graph is not None:
            share = system.graph.degree()[..., None]
            blocks = blocks + (share if blocks.shape[2] == 3 else share * blocks.new_tensor([1.0, 0.0, 1.0]).repeat(3))
        self._blocks = [to_quads(blocks)]
        for level, coarser in zip(self._levels, self._levels[1:]):
            planes = torch.zeros_like(level.weights[0, :1]).repeat(blocks.shape[2], 1, 1)
            self._kernels.coarsen_blocks(self._blocks[-1], level.weights, level.shares, planes)
            self._blocks.append(_quads(coarser, blocks.shape[2]))
            self._kernels.split(planes[:, 1:-1, 1:-1], self._blocks[-1])
        self._x = [_quads(level, 6) for level in self._levels]
        self._rhs = [_quads(level, 6) for level in self._levels[1:]]
        self._planes = [torch.zeros_like(x[0]) for x in self._x[:-1]]

    def __call__(self, rhs: torch.Tensor, depth: int = 0) -> torch.Tensor:
        """M rhs, quads; the next call overwrites them."""
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


def _quads(level: _Level, planes: int) -> torch.Tensor:
    rows, columns = level.weights.shape[2:]
    return level.weights.new_zeros(4, planes, rows, columns)
