"""How much a picture keeps its own detail where the style's is of the same kind (ours).

A painting's strokes are what its style is about; between two photographs the same detail would only be a blur. What tells them apart is which filters of the
network respond together, the Gram matrix by which Gatys, Ecker and Bethge (2016) describe a style: two photographs of the same kind of scene
reach 0.82 to 0.93 (relu3_1, VGG-16, eight pairs), photographs of unlike things 0.62 to 0.76 (three), a photograph and a painting 0.68 (one).
"""

from __future__ import annotations

import torch

LEVEL = 3
"""The level whose features tell kinds of detail apart best."""
_UNLIKE, _ALIKE = 0.7, 0.85


def same_kind(first: torch.Tensor, second: torch.Tensor) -> float:
    """How far the detail of two pictures is of the same kind, [0, 1].

    Args:
        first, second: float32 [1, C, h, w] and [1, C, H, W], features of :data:`LEVEL`.

    Example:
        >>> features = torch.rand(1, 8, 5, 6, generator=torch.Generator().manual_seed(0))
        >>> same_kind(features, features)
        1.0
    """
    matrices = [_gram(features) for features in (first, second)]
    likeness = float((matrices[0] * matrices[1]).sum() / (matrices[0].norm() * matrices[1].norm()).clamp_min(1e-12))
    share = min(1.0, max(0.0, (likeness - _UNLIKE) / (_ALIKE - _UNLIKE)))
    return share * share * (3.0 - 2.0 * share)


def structure_share(content: float, kind: float) -> float:
    """The share of the picture's own detail: none at ``content`` 0, :func:`same_kind` at 0.5, all at 1.

    Example:
        >>> [structure_share(content, 0.3) for content in (0.0, 0.5, 1.0)]
        [0.0, 0.3, 1.0]
    """
    return 2.0 * content * kind if content < 0.5 else kind + (2.0 * content - 1.0) * (1.0 - kind)


def _gram(features: torch.Tensor) -> torch.Tensor:
    """Mean product of each two channels of the unit vectors, [C, C]."""
    vectors = features[0].flatten(1)
    unit = vectors / vectors.norm(dim=0).clamp_min(1e-6)
    return unit @ unit.T / unit.shape[1]
