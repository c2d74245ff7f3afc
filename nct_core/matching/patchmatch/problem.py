"""The input of a PatchMatch search, the same for the kernels of every device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..field import Field

JUMPS = (8, 4, 2, 1)


@dataclass(frozen=True)
class Problem:
    """One search: from the positions of one grid (h, w) to those of another (H, W), all tensors on one device.

    Attributes:
        features: int16 [h, w, C], see :mod:`nct_core.features.fixed_point`.
        target_features: int16 [H, W, C].
        start: int32 [h, w, 2] into (H, W); points at valid positions.
        target_valid: bool [H, W]; a match is always a valid position.
        resistance: int32 [h, w]: cost of a match for each cell of distance from its start, in units of similarity.
        radii: radii of the random search, in cells.
        reach: largest distance of a match from its start along either axis, in cells.
        iterations: rounds of propagation and random search.
        seed: seed of the random search.
        jumps: distances over which matches are propagated, in cells.
    """

    features: torch.Tensor
    target_features: torch.Tensor
    start: Field
    target_valid: torch.Tensor
    resistance: torch.Tensor
    radii: tuple[int, ...]
    reach: int
    iterations: int
    seed: int
    jumps: tuple[int, ...] = JUMPS
