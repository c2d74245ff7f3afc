"""Both nearest-neighbor fields of a level by PatchMatch, from those of the level above (paper section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..pixels.grids import Shape, on_grid
from ..runtime.backend import Kernels
from ..runtime.progress import Advance, part, unwatched
from .consistency import Fields, agreement
from .field import identity_field, move_to_valid, upsample_field
from .patchmatch import Search, patchmatch

# Similarity that each cell of drift costs where the coarser level's matches agree fully (ours).
_RESISTANCE = 0.015


@dataclass(frozen=True)
class Direction:
    """What one of the two fields is searched by; all tensors on one device.

    Attributes:
        own, target: int16 [h, w, C] and [H, W, C], see :mod:`nct_core.features.fixed_point`.
        valid: bool [H, W]; a match is always a valid position of the target.
        resistance: float32 [h, w], the similarity that a cell of drift costs; None where matches move freely.
    """

    own: torch.Tensor
    target: torch.Tensor
    valid: torch.Tensor
    resistance: torch.Tensor | None = None


def from_above(coarser: Fields | None, grid: Shape, to_grid: Shape, device: torch.device) -> Fields:
    """The fields of the level above on the grids of this one; the scaled identity where there is no level above.

    Args:
        coarser: the fields of the level above; None at the coarsest level.
        grid, to_grid: (h, w) and (H, W), the grids of this level.
        device: where the fields are to be.
    """
    if coarser is None:
        return Fields(identity_field(grid, to_grid, device), identity_field(to_grid, grid, device))
    return Fields(upsample_field(coarser.forward, grid, to_grid, coarser.grid), upsample_field(coarser.backward, to_grid, grid, coarser.source_grid))


def resistances(coarser: Fields, grid: Shape, to_grid: Shape, shares: tuple[float, float] = (1.0, 1.0)) -> tuple[torch.Tensor, torch.Tensor]:
    """What agrees at the level above gives way only to what is clearly more alike (ours).

    Args:
        coarser: the fields of the level above.
        grid, to_grid: (h, w) and (H, W), the grids of this level.
        shares: the share of the similarities that is the features' own, in each direction.

    Returns:
        float32 [h, w] and [H, W], for :class:`Direction`.
    """
    forward = on_grid(shares[0] * _RESISTANCE * coarser.agreement, grid)
    return forward, on_grid(shares[1] * _RESISTANCE * agreement(coarser.backward, coarser.forward), to_grid)


def search_both_ways(
    start: Fields, forward: Direction, backward: Direction, *, search: Search, seed: int, kernels: Kernels = Kernels.CPU, advance: Advance = unwatched
) -> Fields:
    """Improves both fields.

    Args:
        start: where the search begins.
        forward, backward: what each of the fields is searched by.
        search: radii, reach and iterations.
        seed: seed of the random search.
        kernels: kernels of the device.
        advance: called as the fields improve.
    """

    def improved(field: torch.Tensor, by: Direction, advance: Advance) -> torch.Tensor:
        placed = move_to_valid(field, by.valid)
        return patchmatch(by.own, by.target, placed, by.valid, search=search, seed=seed, resistance=by.resistance, kernels=kernels, advance=advance)

    return Fields(improved(start.forward, forward, part(advance, 0.0, 0.5)), improved(start.backward, backward, part(advance, 0.5, 1.0)))
