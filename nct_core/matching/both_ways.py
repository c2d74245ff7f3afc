"""Both nearest-neighbor fields of a level by PatchMatch, from those of the level above (paper section 3.1)."""

from __future__ import annotations

import functools

import torch

from ..pixels.grids import on_grid
from ..runtime.backend import Kernels
from ..runtime.progress import Advance, part, unwatched
from .consistency import Fields, agreement
from .field import identity_field, move_to_valid, upsample_field
from .patchmatch import Search, patchmatch

# Similarity that each cell of drift costs where the coarser level's matches agree fully (ours).
_RESISTANCE = 0.015


def search_both_ways(
    source: torch.Tensor,
    target: torch.Tensor,
    source_valid: torch.Tensor,
    target_valid: torch.Tensor,
    coarser: Fields | None,
    *,
    search: Search,
    resist: bool,
    seed: int,
    kernels: Kernels = Kernels.CPU,
    advance: Advance = unwatched,
) -> Fields:
    """Improves both fields of the level above, or the scaled identity at the coarsest level.

    Args:
        source, target: int16 [h, w, C] and [H, W, C], see :mod:`nct_core.features.fixed_point`, on one device.
        source_valid, target_valid: bool [h, w] and [H, W], on the same device; a match is always a valid position.
        coarser: the fields of the level above; None at the coarsest level.
        search: radii, reach and iterations.
        resist: whether matches that agree at the level above give way only to what is clearly more alike (ours).
        seed: seed of the random search.
        kernels: kernels of the device.
        advance: called as the fields improve.
    """
    grid, to_grid = (source.shape[0], source.shape[1]), (target.shape[0], target.shape[1])
    resistance = to_resistance = None
    if coarser is None:
        forward, backward = identity_field(grid, to_grid, source.device), identity_field(to_grid, grid, source.device)
    else:
        forward = upsample_field(coarser.forward, grid, to_grid, coarser.grid)
        backward = upsample_field(coarser.backward, to_grid, grid, coarser.source_grid)
        if resist:
            resistance = on_grid(_RESISTANCE * coarser.agreement, grid)
            to_resistance = on_grid(_RESISTANCE * agreement(coarser.backward, coarser.forward), to_grid)
    improve = functools.partial(patchmatch, search=search, seed=seed, kernels=kernels)
    to_target, to_source = part(advance, 0.0, 0.5), part(advance, 0.5, 1.0)
    return Fields(
        improve(source, target, move_to_valid(forward, target_valid), target_valid, resistance=resistance, advance=to_target),
        improve(target, source, move_to_valid(backward, source_valid), source_valid, resistance=to_resistance, advance=to_source),
    )
