"""PatchMatch: features of two images -> a nearest-neighbour field (paper section 3.1), on CPU (numba) or any torch device.

Both implementations visit the same candidates in the same order: every round reads the field of the round before, and random
numbers are a hash of (seed, iteration, trial, position). Features are whole numbers and so are the similarities: the field depends
neither on threads nor on the device, not even between near-ties.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from . import patchmatch_cpu, patchmatch_torch
from .nnf import Field

JUMPS = (8, 4, 2, 1)


def search_radii(level: int, max_side: int) -> tuple[int, ...]:
    """Radii of the random search in grid cells, halving down to 1; they start at a level's own radius (program).

    Args:
        level: 5 (coarsest) to 1.
        max_side: longest side of both images at working size, in pixels.
    """
    radius = {5: max_side // 16, 4: max_side // 32, 3: max_side // 64, 2: 32, 1: 32}[level]
    radii = []
    while radius >= 1:
        radii.append(radius)
        radius //= 2
    return tuple(radii) or (1,)


def patchmatch(
    features: torch.Tensor,
    target_features: torch.Tensor,
    start: Field,
    target_valid: NDArray[np.bool_],
    *,
    radii: tuple[int, ...],
    iterations: int,
    seed: int,
) -> Field:
    """Improves a field so that 3x3 patches of features agree.

    The similarity of two patches is the mean dot product over the patch positions that lie inside both grids.

    Args:
        features: int16 [h, w, C], vectors of length UNIT, see :mod:`nct_core.features`.
        target_features: int16 [H, W, C], the same, on the same device.
        start: int32 [h, w, 2] into (H, W); must point at valid positions.
        target_valid: bool [H, W]; invalid positions are never matched (transparent pixels).
        radii: random search radii in cells, see :func:`search_radii`.
        iterations: rounds of propagation and random search.
        seed: of the random search.

    Returns:
        int32 [h, w, 2] into (H, W).
    """
    run = patchmatch_cpu.patchmatch if features.device.type == "cpu" else patchmatch_torch.patchmatch
    return run(features, target_features, start, target_valid, jumps=JUMPS, radii=radii, iterations=iterations, seed=seed)
