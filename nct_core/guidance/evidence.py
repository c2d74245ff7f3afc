"""How well each reference explains each position of the source: the evidence for choosing between references (ours).

The voted features that give the confidence do not measure this: completeness blurs them most where a reference fits best. References are
compared by their best patch instead, found by an exact search on the coarsest grid, by relu5_1 (meaning) with a share of relu4_1 (texture).
"""

from __future__ import annotations

import torch

from ..matching.patch_similarity import comparison_grid, patch_similarities, unit_vectors

_TEXTURE_SHARE = 0.2


def describe(coarsest: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
    """Makes one unit vector for every position of the grid of comparison.

    Args:
        coarsest, finer: int16 [h, w, C], relu5_1 and relu4_1, see :mod:`nct_core.features.fixed_point`.

    Returns:
        float64 [h, w, C + C'] on the CPU.
    """
    grid = comparison_grid((coarsest.shape[0], coarsest.shape[1]))
    shares = ((coarsest, 1.0 - _TEXTURE_SHARE), (finer, _TEXTURE_SHARE))
    return torch.cat([share**0.5 * unit_vectors(features, grid) for features, share in shares], -1)


def likeness(source: torch.Tensor, reference: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Finds the similarity of every source patch to the most similar patch of a reference.

    Args:
        source, reference: float64 [h, w, C] and [H, W, C] from :func:`describe`.
        valid: bool [H, W]; only patches of the reference around valid positions count.

    Returns:
        float32 [h, w] on the CPU, at most 1.
    """
    return torch.from_numpy(patch_similarities(source, reference)[..., valid.cpu().numpy()].max(-1))
