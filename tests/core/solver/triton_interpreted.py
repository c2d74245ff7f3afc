"""Compares the solver's Triton kernels with plain torch on the CPU, by Triton's interpreter; ``test_kernels_triton.py`` runs it in a process of its own."""

import os

os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported

import torch

from nct_core.runtime.backend import Kernels
from nct_core.solver import kernels_torch, kernels_triton
from nct_core.solver.quads import to_quads
from nct_core.solver.system import Grid

BOTH = (kernels_torch, kernels_triton)


def compare(shape: tuple[int, int], planes: int) -> None:
    """Every kernel on one random system."""
    chance = torch.Generator().manual_seed(planes)

    def random(*size: int) -> torch.Tensor:
        return torch.rand(*size, generator=chance)

    grid = Grid(5 * random(*shape), 5 * random(*shape), Kernels.TORCH)
    weights, shares = grid.levels[0].weights, grid.levels[0].shares
    image, blocks, rhs = random(*shape, 6), to_quads(random(*shape, planes) + torch.tensor([1.0, 0.0, 1.0]).repeat(planes // 3)), to_quads(random(*shape, 6))

    def same(run, *made: torch.Tensor) -> None:
        found = [tuple(x.clone() for x in made) for _ in BOTH]
        for kernels, arrays in zip(BOTH, found):
            run(kernels, *arrays)
        for one, other in zip(*found):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

    x, coarse = to_quads(image), torch.zeros_like(to_quads(image)[0])
    same(lambda kernels, quads: kernels.split(image.permute(2, 0, 1), quads), torch.zeros_like(x))
    same(lambda kernels, planes: kernels.join(x, planes.permute(2, 0, 1)), image)
    for color in (0, 1):
        for fresh in (False, True):
            same(lambda kernels, x, color=color, fresh=fresh: kernels.relax(x, rhs, blocks, weights, color, fresh=fresh), x)
    same(lambda kernels, out: kernels.apply(x, blocks, weights, None, out), torch.zeros_like(x))
    same(lambda kernels, out: kernels.restrict(x, weights, shares, out), coarse)
    kernels_torch.restrict(x, weights, shares, coarse)
    same(lambda kernels, x: kernels.prolong(coarse, shares, x), x)


for shape in ((1, 1), (1, 5), (9, 8), (13, 21)):
    compare(shape, 3)
    compare(shape, 9)
