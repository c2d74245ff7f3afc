"""PatchMatch: features of two images -> a nearest-neighbor field (paper section 3.1), on CPU (numba), CUDA (Triton) or any torch device.

All implementations visit the same candidates in the same order: every round reads the field of the round before, and random
numbers are a hash of (seed, iteration, trial, position). Features and similarities are integers. So the field depends neither on
threads nor on the device, not even between near-ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...contract.params import TransferParams
from ...features.fixed_point import PATCH_COUNTS, UNIT, fixed_point
from ...features.pyramid import COARSEST
from ...runtime.backend import Kernels
from ...runtime.progress import Advance, unwatched
from ..field import Field, identity_field
from . import kernels_cpu, kernels_torch
from .problem import Problem

_ANCHORED_RADIUS = 4
# Share of the iterations that the finest levels take: fewer suffice near a good start.
_ANCHORED_SHARE = {2: 0.6, 1: 0.2}


@dataclass(frozen=True)
class Search:
    """How one level is searched.

    Attributes:
        radii: radii of the random search, in grid cells.
        reach: largest distance of a match from its start along either axis, in cells.
        iterations: rounds of propagation and random search.
    """

    radii: tuple[int, ...]
    reach: int
    iterations: int


def plan(level: int, max_side: int, params: TransferParams) -> Search:
    """The search of a level.

    The published program's radii start at a value for each level and halve down to 1, and its matches may go anywhere: in featureless
    regions they wander off until the sky has the colors of the ground. By default, the matches of the levels below the coarsest stay
    near those of the level above; they are found with a small radius and, on the finest levels, in fewer iterations (ours).

    Args:
        level: 5 (coarsest) to 1.
        max_side: longest side of both images at working size, in pixels.
        params: parameters of the transfer; ``match_drift`` (percent of ``max_side``) and ``patchmatch_iterations`` are used.
    """
    anchored, iterations = level < COARSEST and not params.as_published, params.patchmatch_iterations
    cell = 1 << (level - 1)
    reach = max(1, round(params.match_drift / 100.0 * max_side / cell)) if anchored else max_side
    radius = {5: max_side // 16, 4: max_side // 32, 3: max_side // 64, 2: 32, 1: 32}[level]
    radius = max(1, min(radius, _ANCHORED_RADIUS) if anchored else radius)
    if anchored:
        iterations = max(1, round(iterations * _ANCHORED_SHARE.get(level, 1.0)))
    return Search(tuple(radius >> i for i in range(radius.bit_length())), reach, iterations)


def patchmatch(
    features: torch.Tensor,
    target_features: torch.Tensor,
    start: Field,
    target_valid: torch.Tensor,
    *,
    resistance: torch.Tensor | None = None,
    search: Search,
    seed: int,
    kernels: Kernels = Kernels.CPU,
    advance: Advance = unwatched,
) -> Field:
    """Improves a field so that 3x3 patches of features agree.

    The similarity of two patches is the mean dot product over the patch positions that lie inside both grids. With a
    resistance, the value of a match is its similarity minus the resistance times its distance from its start in cells, the sum along both
    axes (ours).

    Args:
        features: int16 [h, w, C], vectors of length UNIT, see :mod:`nct_core.features.fixed_point`.
        target_features: int16 [H, W, C], the same, on the same device.
        start: int32 [h, w, 2] into (H, W), on the same device; must point at valid positions.
        target_valid: bool [H, W], on the same device; invalid positions are never matched (transparent pixels).
        resistance: float32 [h, w], similarity per cell, at most about 0.5 over the reach (it has to fit into 31 bits); None means no resistance.
        search: radii, reach and iterations, see :func:`plan`.
        seed: seed of the random search.
        kernels: kernels of the device, see :class:`nct_core.runtime.backend.Backend`.
        advance: called between rounds, or bands of them.

    Returns:
        int32 [h, w, 2] into (H, W), on the same device.
    """
    # Integers like the similarities; the cost of the largest distance has to fit into 31 bits with them.
    limit = ((1 << 31) - 1) // (2 * max(1, search.reach))
    costs = torch.zeros(start.shape[:2], dtype=torch.int32, device=start.device) if resistance is None else _per_cell(resistance, limit)
    problem = Problem(features, target_features, start, target_valid, costs, search.radii, search.reach, search.iterations, seed)
    if kernels is Kernels.TRITON:
        from . import kernels_triton  # Triton comes with torch for CUDA only

        return kernels_triton.patchmatch(problem, advance)
    return (kernels_cpu if kernels is Kernels.CPU else kernels_torch).patchmatch(problem, advance)


def try_triton(device: torch.device) -> None:
    """Runs the Triton kernels on a tiny case; see :data:`nct_core.runtime.backend.Trial`.

    Raises:
        RuntimeError: the field differs from that of the plain torch kernels. Triton's own errors if a kernel does not compile or run.
    """
    from . import kernels_triton

    features, target = (fixed_point(torch.rand(9, 8, 64, generator=torch.Generator().manual_seed(seed))).to(device) for seed in (1, 2))
    start, ones = identity_field((9, 8), (9, 8), device), torch.ones(9, 8, dtype=torch.int32, device=device)
    problem = Problem(features, target, start, ones.bool(), ones, radii=(4, 2, 1), reach=8, iterations=2, seed=0)
    if not torch.equal(kernels_triton.patchmatch(problem), kernels_torch.patchmatch(problem)):
        raise RuntimeError("expected the field that plain torch finds from Triton's PatchMatch, got another one")


def _per_cell(resistance: torch.Tensor, limit: int) -> torch.Tensor:
    return (resistance * float(PATCH_COUNTS * UNIT**2)).round().clamp(0, limit).int()
