"""Averaged votes: what overlapping patches, each moved to its match, put on every position (analogy paper section 4.4)."""

from __future__ import annotations

import torch

from ..matching.field import Field
from ..pixels.grids import Shape, nearest_cells
from ..runtime.progress import Advance, unwatched

_BAND_VALUES = 1 << 22  # numbers worked on at a time; bounds the memory beyond input and output


def vote(
    field: Field, source_valid: torch.Tensor, values: torch.Tensor, target_valid: torch.Tensor, shape: Shape, *, radius: int, advance: Advance = unwatched
) -> torch.Tensor:
    """Averages what the patches around each position bring from their matches.

    The field may belong to a coarser grid. Then every cell moves as a whole: its content is copied from the target without being resampled, so the result is
    as sharp as the target is at that size, and shows no detail that the target does not have.

    Args:
        field: int32 [h, w, 2] into (H, W).
        source_valid, target_valid: bool [h, w] and [H, W], on the same device; invalid positions give no votes.
        values: float32 [H', W', C], what is brought; covers the same extent as (H, W).
        shape: (rows, columns) of the result; covers the same extent as (h, w).
        radius: patches are 2 * radius + 1 cells wide.
        advance: called after every band of rows.

    Returns:
        float32 [*shape, C]; where no vote comes from a valid position, the value of the nearest match.

    Example:
        >>> field = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij"), -1).int()
        >>> values, valid = torch.rand(3, 4, 2), torch.ones(3, 4, dtype=torch.bool)
        >>> bool(torch.allclose(vote(field, valid, values, valid, (3, 4), radius=1), values))
        True
    """
    grid, to_grid = (field.shape[0], field.shape[1]), (target_valid.shape[0], target_valid.shape[1])
    rows, cols = (torch.from_numpy(axis).to(field.device) for axis in nearest_cells(shape, grid))
    # Unit weights and whole shifts: a sum of the same values in the same order on every device.
    flat, allowed = values.reshape(-1, values.shape[2]), _sampled(target_valid, (values.shape[0], values.shape[1]))
    out = torch.empty((*shape, values.shape[2]), device=values.device)
    height = max(1, _BAND_VALUES // (shape[1] * values.shape[2]))
    for top in range(0, shape[0], height):
        band = slice(top, min(top + height, shape[0]))
        out[band] = _band(field, source_valid, flat, allowed, (grid, to_grid, shape), (rows[band], cols), top, radius)
        advance(band.stop / shape[0])
    return out


def _band(
    field: Field, source_valid: torch.Tensor, flat: torch.Tensor, allowed: torch.Tensor, grids: tuple[Shape, Shape, Shape],
    cells: tuple[torch.Tensor, torch.Tensor], top: int, radius: int,
) -> torch.Tensor:  # fmt: skip
    grid, to_grid, shape = grids
    rows, cols = cells
    height, width = allowed.shape
    at_rows = torch.arange(top, top + len(rows), device=field.device)[:, None]
    at_cols = torch.arange(shape[1], device=field.device)[None]
    total = torch.zeros((len(rows), shape[1], flat.shape[1]), device=flat.device)
    count = torch.zeros((len(rows), shape[1], 1), device=flat.device)
    nearest = torch.zeros(0)
    for down in sorted(range(-radius, radius + 1), key=abs):
        for right in sorted(range(-radius, radius + 1), key=abs):
            row, col = rows - down, cols - right
            inside = ((row >= 0) & (row < grid[0]))[:, None] & ((col >= 0) & (col < grid[1]))[None]
            row, col = row.clamp(0, grid[0] - 1)[:, None], col.clamp(0, grid[1] - 1)[None]
            match = field[row, col].long()
            to_row = at_rows + _shift(match[..., 0] - row, grid[0], to_grid[0], shape[0], height)
            to_col = at_cols + _shift(match[..., 1] - col, grid[1], to_grid[1], shape[1], width)
            inside &= (to_row >= 0) & (to_row < height) & (to_col >= 0) & (to_col < width) & source_valid[row, col]
            to_row, to_col = to_row.clamp(0, height - 1), to_col.clamp(0, width - 1)
            inside &= allowed[to_row, to_col]
            brought = flat[(to_row * width + to_col).reshape(-1)].view(total.shape)
            nearest = nearest if nearest.numel() else brought
            weight = inside[..., None].to(total.dtype)
            total.addcmul_(brought, weight)
            count += weight
    return torch.where(count > 0, total / count.clamp_min(1.0), nearest)


def _shift(cells: torch.Tensor, n: int, to_n: int, size: int, to_size: int) -> torch.Tensor:
    """Shifts in cells -> whole shifts in positions of the finer grids, whose cells are equally large on both sides."""
    if (n, to_n) == (size, to_size):
        return cells
    return (cells * (to_size / to_n)).round().long()


def _sampled(valid: torch.Tensor, shape: Shape) -> torch.Tensor:
    rows, cols = (torch.from_numpy(axis).to(valid.device) for axis in nearest_cells(shape, (valid.shape[0], valid.shape[1])))
    return valid[rows][:, cols]
