"""The fields of the coarsest level, by semi-global matching (ours; the method is Hirschmueller's, 2008, here for two-dimensional labels).

Patches of featureless regions look alike whatever they show, so the best match of a single patch may lie anywhere. Here neighbors have to
agree. Along each of the four straight paths to a position, a match costs its dissimilarity, plus a charge for every cell by which it departs
from the match of the previous position moved by the same step. The charge has an upper limit, so that objects may lie elsewhere than in the
source. A match that would move past the reference's border stays at the border.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from ..pixels.grids import Shape
from ..runtime import threads
from ..runtime.compiled import compiled
from ..runtime.progress import Advance, part, unwatched
from .consistency import Fields
from .field import Field, move_to_valid, upsample_field
from .patch_similarity import comparison_grid, patch_similarities, pooled, unit_vectors

_CHARGE, _LARGEST_CHARGE = 0.2, 2.0
# Cost of a match at the other end of the image: decides between equal patches, above all in a flat image.
_DISPLACEMENT = 0.01
_INVALID = 4.0


def fields(
    source: torch.Tensor,
    reference: torch.Tensor,
    source_valid: torch.Tensor,
    reference_valid: torch.Tensor,
    feature_share: float = 1.0,
    advance: Advance = unwatched,
) -> Fields:
    """Finds the match of every position, in both directions.

    Args:
        source, reference: int16 [h, w, C] and [H, W, C], the features by which the coarsest level is compared, on one device; see
            :mod:`nct_core.features.fixed_point`.
        source_valid, reference_valid: bool [h, w] and [H, W], on the same device; a match is always a valid position.
        feature_share: see :func:`dissimilarities`.
        advance: called during the work.

    Returns:
        The fields, on the same device.
    """
    costs = dissimilarities(source, reference, feature_share)
    forward = _field(costs, _on_grid(reference_valid, (costs.shape[2], costs.shape[3])), part(advance, 0.3, 0.6))
    back = np.ascontiguousarray(costs.transpose(2, 3, 0, 1))
    backward = _field(back, _on_grid(source_valid, (costs.shape[0], costs.shape[1])), part(advance, 0.6, 1.0))
    grid, to_grid = (source_valid.shape[0], source_valid.shape[1]), (reference_valid.shape[0], reference_valid.shape[1])
    forward, backward = (
        upsample_field(forward, grid, to_grid, (backward.shape[0], backward.shape[1])),
        upsample_field(backward, to_grid, grid, (forward.shape[0], forward.shape[1])),
    )
    return Fields(move_to_valid(forward.to(source.device), reference_valid), move_to_valid(backward.to(source.device), source_valid))


def dissimilarities(source: torch.Tensor, reference: torch.Tensor, feature_share: float = 1.0) -> NDArray[np.float32]:
    """One minus the similarity of each pair of patches on the grids of comparison, plus a small cost of displacement: float32 [h, w, H, W].

    ``feature_share`` is the part of a similarity that is one of features; the rest are guides. Costs are scaled so that those of features stay as they are.
    """
    described = [unit_vectors(features, comparison_grid((features.shape[0], features.shape[1]))) for features in (source, reference)]
    costs = 1.0 - patch_similarities(*described)
    if feature_share < 1.0:
        costs /= np.float32(feature_share)
    for axis in (0, 1):
        source_places, reference_places = ((np.arange(costs.shape[i]) + 0.5) / costs.shape[i] for i in (axis, axis + 2))
        shape = [1, 1, 1, 1]
        shape[axis], shape[axis + 2] = len(source_places), len(reference_places)
        costs += (_DISPLACEMENT * np.abs(source_places[:, None] - reference_places)).astype(np.float32).reshape(shape)
    return costs


def mean_cost(costs: NDArray[np.float32]) -> float:
    """Mean path cost of each position's cheapest match, given the dissimilarities; lower is better."""
    return float(_path_costs(costs, unwatched).min((2, 3)).mean(dtype=np.float64))


def _on_grid(valid: torch.Tensor, grid: Shape) -> NDArray[np.bool_]:
    if valid.shape == grid:
        return valid.cpu().numpy()
    some = pooled(valid[..., None].float(), grid)[..., 0].numpy() > 0.5
    return some if some.any() else np.ones(grid, np.bool_)


def _field(costs: NDArray[np.float32], valid: NDArray[np.bool_], advance: Advance) -> Field:
    """Finds the match with the least sum of path costs: int32 [h, w, 2]."""
    totals = _path_costs(costs if valid.all() else np.where(valid, costs, np.float32(_INVALID)), advance)
    best = np.where(valid, totals, np.float32(np.inf)).reshape(*costs.shape[:2], -1).argmin(-1)
    return torch.from_numpy(np.stack(np.unravel_index(best, valid.shape), -1).astype(np.int32))


def _path_costs(costs: NDArray[np.float32], advance: Advance) -> NDArray[np.float32]:
    """Sums the costs of the four paths: float32 [h, w, H, W]."""
    totals = np.zeros_like(costs)
    charges = np.float32(_CHARGE), np.float32(_LARGEST_CHARGE)
    threads.over_rows(_along_rows, costs.shape[0], costs, totals, *charges, grain=1, advance=part(advance, 0.0, 0.5))
    threads.over_rows(_along_columns, costs.shape[1], costs, totals, *charges, grain=1, advance=part(advance, 0.5, 1.0))
    return totals


@compiled()
def _along_rows(first, last, costs, totals, charge, largest):
    for row in range(first, last):
        _path(costs, totals, row, 0, 0, 1, costs.shape[1], charge, largest)
        _path(costs, totals, row, costs.shape[1] - 1, 0, -1, costs.shape[1], charge, largest)


@compiled()
def _along_columns(first, last, costs, totals, charge, largest):
    for col in range(first, last):
        _path(costs, totals, 0, col, 1, 0, costs.shape[0], charge, largest)
        _path(costs, totals, costs.shape[0] - 1, col, -1, 0, costs.shape[0], charge, largest)


@njit
def _path(costs, totals, row, col, down, right, length, charge, largest):
    """Adds the costs of one path, which begins at (row, col) and goes a cell ``down`` or ``right`` at a time."""
    so_far, carried = costs[row, col].copy(), np.empty(costs.shape[2:], np.float32)
    totals[row, col] += so_far
    for _ in range(length - 1):
        least = _carry(so_far, down, right, charge, largest, carried)
        row += down
        col += right
        for i in range(so_far.shape[0]):
            for j in range(so_far.shape[1]):
                so_far[i, j] = costs[row, col, i, j] + carried[i, j] - least
                totals[row, col, i, j] += so_far[i, j]


@njit
def _carry(so_far, down, right, charge, largest, carried):
    """Computes what each match costs as a continuation of the previous position's cheapest match; returns the previous position's least cost.

    A distance transform: two sweeps spread the costs, moved by one step, over the grid of matches.
    """
    height, width = so_far.shape
    least = so_far.min()
    carried[:] = least + largest
    for i in range(height):
        to_row = min(max(i + down, 0), height - 1)
        for j in range(width):
            to_col = min(max(j + right, 0), width - 1)
            carried[to_row, to_col] = min(carried[to_row, to_col], so_far[i, j])
    for i in range(height):
        for j in range(width):
            if i > 0:
                carried[i, j] = min(carried[i, j], carried[i - 1, j] + charge)
            if j > 0:
                carried[i, j] = min(carried[i, j], carried[i, j - 1] + charge)
    for i in range(height - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            if i < height - 1:
                carried[i, j] = min(carried[i, j], carried[i + 1, j] + charge)
            if j < width - 1:
                carried[i, j] = min(carried[i, j], carried[i, j + 1] + charge)
    return least
