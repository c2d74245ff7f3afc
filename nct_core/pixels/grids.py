"""Grids of cells over an image, and the positions of one grid's cells in another.

Coordinates, everywhere in this library: (row, column), absolute indices counted from 0, the center of cell ``i`` lies at
``i + 0.5`` cells, and changing from a grid of ``n`` cells to one of ``m`` maps the point ``i`` to ``(i + 0.5) * m / n - 0.5``
(half-pixel rescaling).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Shape = tuple[int, int]


def fit_within(shape: Shape, side: int, least: int = 1) -> Shape:
    """The shape of an image or grid after it is reduced to fit a side; one that fits already keeps its shape.

    Args:
        shape: (rows, columns).
        side: largest length of the longer side.
        least: smallest length of a side, even if that changes the proportions.

    Example:
        >>> fit_within((6000, 4000), 700)
        (700, 467)
    """
    scale = min(1.0, side / max(shape))
    return (max(least, round(shape[0] * scale)), max(least, round(shape[1] * scale)))


def rescale(points: NDArray[Any], old: int, new: int) -> NDArray[np.float64]:
    """Maps positions along one axis of ``old`` cells to the axis of ``new`` cells that covers the same extent (float)."""
    return (points + 0.5) * (new / old) - 0.5


def nearest_cells(shape: Shape, grid: Shape) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Finds, for every row and every column of ``shape``, the nearest row and column of ``grid``, which covers the same extent."""
    rows, cols = (np.clip(np.rint(rescale(np.arange(n), n, m)), 0, m - 1).astype(np.intp) for n, m in zip(shape, grid))
    return rows, cols


def on_grid(plane: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Carries [h, w] or [h, w, C] to a finer grid; each position takes the value of the nearest coarse cell."""
    rows, cols = (torch.from_numpy(axis).to(plane.device) for axis in nearest_cells(shape, (plane.shape[0], plane.shape[1])))
    return plane[rows][:, cols]
