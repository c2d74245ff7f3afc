"""The linear solver of both least-squares problems: conjugate gradients, preconditioned by multigrid (:mod:`nct_core.solver.multigrid`)."""

from __future__ import annotations

import math

import torch

from ..contract.errors import ConvergenceError
from ..runtime.backend import Kernels, on_cpu, repeated
from ..runtime.progress import Advance, unwatched
from . import quads
from .multigrid import Preconditioner
from .system import Grid, Solution, System

_TINY = 1e-30
_TRIAL_TOLERANCE = 1e-4  # twice what the solver promises
_TYPICAL_ITERATIONS = 8
# Between two checks of convergence; every check waits for a GPU to catch up.
_CHECK_EVERY_ON_CPU, _CHECK_EVERY_ELSEWHERE = 1, 4


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
        tolerance: largest relative error in the energy norm, estimated as sqrt(r . M r / x . rhs) with the preconditioner M.
        max_iterations: iterations after which it raises ConvergenceError.
        start: first guess, float32 [h, w, 6]; zero if None.
        advance: called before every iteration with an estimate of the share that is done.

    Raises:
        ConvergenceError: the tolerance was not reached, or a number is not finite.
    """
    kernels, grid = system.grid.kernels, system.grid
    precondition = Preconditioner(system)
    advance(0.0)
    blocks, rhs = quads.to_quads(system.blocks), quads.to_quads(rhs)
    x, product = torch.zeros_like(rhs) if start is None else quads.to_quads(start), torch.zeros_like(rhs)

    def multiply_into_product(vector: torch.Tensor) -> None:
        kernels.apply(vector, blocks, grid.levels[0].weights, system.graph, product)

    residual = rhs.clone()
    if start is not None:
        multiply_into_product(x)
        kernels.combine(residual, 1.0, product, -1.0)
    z = precondition(residual)
    direction, rz = z.clone(), kernels.dot(residual, z)

    def iterate() -> None:
        multiply_into_product(direction)
        step = rz / kernels.dot(direction, product).clamp_min(_TINY)
        kernels.combine(x, 1.0, direction, step)
        kernels.combine(residual, 1.0, product, -step)
        z = precondition(residual)
        after = kernels.dot(residual, z)
        kernels.combine(direction, after / rz.clamp_min(_TINY), z, 1.0)
        rz.copy_(after)

    iterate_often = repeated(iterate, rhs.device)
    every = _CHECK_EVERY_ON_CPU if on_cpu(rhs) else _CHECK_EVERY_ELSEWHERE
    energy = 0.0
    for iteration in range(max_iterations + 1):
        if iteration % every == 0 or iteration == max_iterations:
            left = max(float(rz), 0.0)
            if left <= tolerance**2 * energy or iteration in (0, every, max_iterations):
                # x . rhs is the energy of the solution, x . (rhs - residual) the energy of the current estimate.
                along = kernels.dot(x, rhs)
                energy = float(torch.maximum(along, along - kernels.dot(x, residual)))
            if not (math.isfinite(left) and math.isfinite(energy)):
                raise ConvergenceError(f"expected finite numbers from the linear solver, got {left:g} and {energy:g} after {iteration} iterations")
            error = (left / energy) ** 0.5 if energy > 0 else (0.0 if left == 0 else float("inf"))
            if error <= tolerance:
                return Solution(quads.from_quads(x, grid.shape), iteration, error)
        advance(iteration / (iteration + _TYPICAL_ITERATIONS))
        iterate_often()
    raise ConvergenceError(f"expected a relative error of {tolerance:g} from the linear solver, got {error:.3g} after {max_iterations} iterations")


def try_triton(device: torch.device) -> None:
    """Solves a tiny system with the Triton kernels; see :data:`nct_core.runtime.backend.Trial`.

    Raises:
        RuntimeError: the solution differs from that of the plain torch kernels. Triton's own errors if a kernel does not compile or run.
    """
    chance = torch.Generator().manual_seed(1)
    right, down, rhs = (torch.rand(9, 7, *planes, generator=chance).to(device) for planes in ((), (), (6,)))
    for planes in (3, 9):
        blocks = torch.rand(9, 7, planes, generator=chance).to(device)
        if planes == 9:
            blocks[..., 0::3] += 1.0
            blocks[..., 2::3] += 1.0
        found, expected = (
            solve(System(blocks, Grid(right, down, kernels)), rhs, tolerance=_TRIAL_TOLERANCE / 2).x for kernels in (Kernels.TRITON, Kernels.TORCH)
        )
        if float((found - expected).norm()) > _TRIAL_TOLERANCE * float(expected.norm()) * 10:
            raise RuntimeError("expected the solution that plain torch finds from Triton's kernels, got another")
