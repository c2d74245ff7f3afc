"""How well each reference can explain each position of the source: the evidence for choosing between references (ours).

The voted features that give the confidence are no measure for that: completeness blurs them most where a reference fits best. What
tells references apart is the best patch that they have to offer, found exactly and by meaning: on the coarsest grid, from relu5_1
with some relu4_1 for texture.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from numpy.typing import NDArray

from . import threads
from .nnf import Shape

# Cells on the longer side of the grid of comparison: bounds the number of pairs at large working sizes.
_MAX_CELLS = 48
_TEXTURE_SHARE = 0.2


def describe(coarsest: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
    """One unit vector for every position of the grid of comparison.

    Args:
        coarsest, finer: float32 [h, w, C] of relu5_1 and relu4_1.

    Returns:
        float64 [h, w, C + C'] on the CPU.
    """
    grid = comparison_grid((coarsest.shape[0], coarsest.shape[1]))
    parts = []
    for features, share in ((coarsest, 1.0 - _TEXTURE_SHARE), (finer, _TEXTURE_SHARE)):
        pooled = F.adaptive_avg_pool2d(features.permute(2, 0, 1)[None].cpu().double(), grid)[0].permute(1, 2, 0)
        parts.append(share**0.5 * pooled / pooled.norm(dim=-1, keepdim=True).clamp_min(1e-8))
    return torch.cat(parts, -1)


def comparison_grid(coarsest: Shape) -> Shape:
    """The grid of comparison of an image whose relu5_1 has this grid."""
    scale = min(1.0, _MAX_CELLS / max(coarsest))
    return (max(1, round(coarsest[0] * scale)), max(1, round(coarsest[1] * scale)))


def likeness(source: torch.Tensor, reference: torch.Tensor, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The similarity of every source patch to the most similar patch of a reference.

    Similarity is the mean dot product over the positions of two 3x3 patches that lie inside both grids.

    Args:
        source, reference: float64 [h, w, C] and [H, W, C] from :func:`describe`.
        valid: bool [H, W]; patches of the reference around other positions are left out.

    Returns:
        float32 [h, w], at most 1.
    """
    # float64: the order in which a matrix product adds changes from run to run, and is far below float32's precision here.
    products = (source.flatten(0, 1) @ reference.flatten(0, 1).T).float().numpy().reshape(*source.shape[:2], *reference.shape[:2])
    best = np.empty(source.shape[:2], np.float32)
    threads.over_rows(_best_patches, best.shape[0], products, valid, best, grain=1)
    return best


@njit(nogil=True, cache=True)
def _best_patches(first, last, products, valid, best):
    height, width, to_height, to_width = products.shape
    for row in range(first, last):
        total, count = np.empty((to_height, to_width), np.float32), np.empty((to_height, to_width), np.float32)
        for col in range(width):
            total[:], count[:] = 0.0, 0.0
            for di in range(-min(1, row), min(1, height - 1 - row) + 1):
                for dj in range(-min(1, col), min(1, width - 1 - col) + 1):
                    for i in range(max(0, -di), to_height - max(0, di)):
                        for j in range(max(0, -dj), to_width - max(0, dj)):
                            total[i, j] += products[row + di, col + dj, i + di, j + dj]
                            count[i, j] += np.float32(1.0)
            highest = np.float32(-1.0)
            for i in range(to_height):
                for j in range(to_width):
                    if valid[i, j]:
                        highest = max(highest, total[i, j] / count[i, j])
            best[row, col] = highest
