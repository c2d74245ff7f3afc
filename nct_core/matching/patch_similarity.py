"""The exact similarity of every patch of one small grid to every patch of another, for decisions on the coarsest grid (ours)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..pixels.grids import Shape, fit_within
from ..runtime import threads
from ..runtime.compiled import compiled

# Cells on the longer side of the grid of comparison; bounds the number of pairs at large working sizes.
_MAX_CELLS = 48


def comparison_grid(coarsest: Shape) -> Shape:
    """The grid of comparison of an image whose relu5_1 has this grid."""
    return fit_within(coarsest, _MAX_CELLS)


def pooled(features: torch.Tensor, grid: Shape) -> torch.Tensor:
    """Averages features over the cells of a grid that is not finer than theirs: [h, w, C] -> float64 [*grid, C] on the CPU."""
    return F.adaptive_avg_pool2d(features.permute(2, 0, 1)[None].cpu().double(), grid)[0].permute(1, 2, 0)


def unit_vectors(features: torch.Tensor, grid: Shape) -> torch.Tensor:
    """:func:`pooled` features scaled to length 1; the zero vector stays."""
    vectors = pooled(features, grid)
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def patch_similarities(source: torch.Tensor, reference: torch.Tensor) -> NDArray[np.float32]:
    """Mean dot products over the positions of two 3x3 patches that lie inside both grids, for every pair of patches.

    Args:
        source, reference: float64 [h, w, C] and [H, W, C] on the CPU. A matrix product may add in a different order from run to run;
            in float64 the difference is far below the precision of the result.

    Returns:
        float32 [h, w, H, W].
    """
    products = (source.flatten(0, 1) @ reference.flatten(0, 1).T).float().numpy().reshape(*source.shape[:2], *reference.shape[:2])
    similarities = np.empty_like(products)
    threads.over_rows(_patch_means, products.shape[0], products, similarities, grain=1)
    return similarities


@compiled()
def _patch_means(first, last, products, similarities):
    height, width, to_height, to_width = products.shape
    count = np.empty((to_height, to_width), np.float32)
    for row in range(first, last):
        for col in range(width):
            total = similarities[row, col]
            total[:], count[:] = 0.0, 0.0
            for di in range(-min(1, row), min(1, height - 1 - row) + 1):
                for dj in range(-min(1, col), min(1, width - 1 - col) + 1):
                    for i in range(max(0, -di), to_height - max(0, di)):
                        for j in range(max(0, -dj), to_width - max(0, dj)):
                            total[i, j] += products[row + di, col + dj, i + di, j + dj]
                            count[i, j] += np.float32(1.0)
            for i in range(to_height):
                for j in range(to_width):
                    total[i, j] /= count[i, j]
