"""Nearest-neighbor fields: for every position of one grid the position of its match in another grid.

A field from a grid of shape (h, w) to one of shape (H, W) is an int32 tensor [h, w, 2] (see :mod:`nct_core.pixels.grids`) with
``0 <= field[..., 0] < H`` and ``0 <= field[..., 1] < W``; it stays on the device that computes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..pixels.grids import Shape, nearest_cells, on_grid, rescale

Field = torch.Tensor
"""int32 [h, w, 2], as the module's docstring says."""

_FRACTION_BITS = 16  # fixed-point positions between cells: integers are rounded alike on every device, and no axis has 2^15 cells


def identity_field(shape: Shape, target_shape: Shape, device: torch.device) -> Field:
    """The scaled identity: every position of ``shape`` maps to the same relative position of ``target_shape``."""
    axes = (torch.from_numpy(axis).int().to(device) for axis in nearest_cells(shape, target_shape))
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def upsample_field(field: Field, shape: Shape, target_shape: Shape, old_target_shape: Shape) -> Field:
    """Carries a field to finer grids (paper section 3.1): nearest coarse match, its offset rescaled and clamped to the grid.

    Args:
        field: int32 [h, w, 2] into ``old_target_shape``.
        shape, target_shape: the finer grids on both sides.
        old_target_shape: the grid that ``field`` points into.

    Returns:
        int32 [*shape, 2] into ``target_shape``, on the same device.
    """

    def fixed_point(positions: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(np.rint(positions * (1 << _FRACTION_BITS)).astype(np.int32)).to(field.device)

    nearest = nearest_cells(shape, (field.shape[0], field.shape[1]))
    matches = on_grid(field, shape).long()
    out = []
    for axis in (0, 1):
        # The distance of the fine position from the center of its coarse cell is kept in the target grid.
        within = fixed_point(np.arange(shape[axis]) - rescale(nearest[axis], field.shape[axis], shape[axis]))
        moved = fixed_point(rescale(np.arange(old_target_shape[axis]), old_target_shape[axis], target_shape[axis]))
        position = moved[matches[..., axis]] + within.unsqueeze(1 - axis)
        odd = (position >> _FRACTION_BITS) & 1  # halves are rounded to even numbers
        out.append(((position + (1 << (_FRACTION_BITS - 1)) - 1 + odd) >> _FRACTION_BITS).clamp(0, target_shape[axis] - 1))
    return torch.stack(out, -1)


def to_pixels(field: NDArray[np.int32], grid_shape: Shape, shape: Shape, target_shape: Shape) -> NDArray[np.float32]:
    """Converts a field between grids to correspondences between images.

    Args:
        field: int32 [h, w, 2] into ``grid_shape``.
        grid_shape: the grid that ``field`` points into.
        shape, target_shape: pixels of the two images.

    Returns:
        float32 [*shape, 2]: for every pixel of the first image the (row, column) of its match in pixels of the second.
    """
    nearest = nearest_cells(shape, (field.shape[0], field.shape[1]))
    out = np.empty((*shape, 2), np.float32)
    for axis in (0, 1):
        matches = field[..., axis][np.ix_(*nearest)]
        within = rescale(np.arange(shape[axis]), shape[axis], field.shape[axis]) - nearest[axis]
        moved = rescale(matches + np.expand_dims(within, 1 - axis), grid_shape[axis], target_shape[axis])
        out[..., axis] = np.clip(moved, 0, target_shape[axis] - 1)
    return out


def move_to_valid(field: Field, valid: torch.Tensor) -> Field:
    """Moves matches that are not valid to the nearest position that is.

    Args:
        field: int32 [h, w, 2] into the grid of ``valid``.
        valid: bool [H, W] with at least one True, on the same device.
    """
    if valid.all():
        return field
    nearest = distance_transform_edt(~valid.cpu().numpy(), return_distances=False, return_indices=True)
    row, col = field.long().unbind(-1)
    return torch.from_numpy(np.stack(nearest, -1).astype(np.int32)).to(field.device)[row, col]
