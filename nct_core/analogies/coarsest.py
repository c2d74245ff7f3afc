"""The fields of the coarsest level, in which no place of a picture is used much more often than others (ours).

Where many places look for the same match, the style is smeared: a patch of sky becomes the whole sky. Here every match has a price, which rises while it is
used more often than :data:`_CAPACITY` times the mean (the dual ascent of a transport problem with capacities). All matches are compared, not only some.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..matching.coarsest import dissimilarities
from ..matching.consistency import Fields
from ..matching.field import Field, move_to_valid, upsample_field
from ..pixels.grids import Shape, nearest_cells
from ..runtime.progress import Advance, part, unwatched

_CAPACITY = 3.0
_ROUNDS = 200
_PRICE_STEP, _STEP_DECAY = 0.01, 20.0  # similarity; rounds after which the step is half as long


def fields(source: torch.Tensor, target: torch.Tensor, source_valid: torch.Tensor, target_valid: torch.Tensor, advance: Advance = unwatched) -> Fields:
    """Finds the match of every position, in both directions.

    Args:
        source, target: int16 [h, w, C] and [H, W, C], features of the coarsest level, on one device; see :mod:`nct_core.features.fixed_point`.
        source_valid, target_valid: bool [h, w] and [H, W], on the same device; a match is always a valid position.
        advance: called during the work.

    Returns:
        The fields, on the same device.
    """
    costs = dissimilarities(source, target)
    forward = _matches(costs, _valid_on(target_valid, (costs.shape[2], costs.shape[3])), part(advance, 0.0, 0.5))
    backward = _matches(costs.transpose(2, 3, 0, 1), _valid_on(source_valid, (costs.shape[0], costs.shape[1])), part(advance, 0.5, 1.0))
    return Fields(_carried(forward, costs.shape[2:], source_valid, target_valid), _carried(backward, costs.shape[:2], target_valid, source_valid))


def _matches(costs: NDArray[np.float32], valid: NDArray[np.bool_], advance: Advance) -> Field:
    """The match of each position, int32 [h, w, 2], from float32 [h, w, H, W]: of all rounds the one in which the fewest uses are over capacity."""
    height, width = costs.shape[:2]
    places = np.flatnonzero(valid)
    by_position = np.ascontiguousarray(costs.reshape(height * width, -1)[:, places])
    capacity = max(1.0, _CAPACITY * height * width / len(places))
    prices = np.zeros(len(places), np.float32)
    best, least = np.zeros(height * width, np.intp), np.inf
    for number in range(_ROUNDS):
        advance(number / _ROUNDS)
        matches = (by_position + prices).argmin(1)
        uses = np.bincount(matches, minlength=len(places))
        excess = float(np.maximum(0.0, uses - capacity).sum())
        if excess < least:
            best, least = matches, excess
        if excess == 0.0:
            break
        step = _PRICE_STEP / (1.0 + number / _STEP_DECAY)
        prices = np.maximum(0.0, prices + step * (uses / capacity - 1.0)).astype(np.float32)
    rows, cols = np.unravel_index(places[best], valid.shape)
    return torch.from_numpy(np.stack([rows, cols], -1).reshape(height, width, 2).astype(np.int32))


def _carried(field: Field, to_grid: Shape, valid: torch.Tensor, to_valid: torch.Tensor) -> Field:
    """From the grid of comparison, which is coarser for large pictures, to the level's own."""
    shape, to_shape = (valid.shape[0], valid.shape[1]), (to_valid.shape[0], to_valid.shape[1])
    return move_to_valid(upsample_field(field, shape, to_shape, (to_grid[0], to_grid[1])).to(valid.device), to_valid)


def _valid_on(valid: torch.Tensor, grid: Shape) -> NDArray[np.bool_]:
    rows, cols = nearest_cells(grid, (valid.shape[0], valid.shape[1]))
    found = valid.cpu().numpy()[np.ix_(rows, cols)]
    return found if found.any() else np.ones(grid, np.bool_)
