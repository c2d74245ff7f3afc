"""Carries planes to a finer grid along the edges of an image (guided filter [1]_).

References:
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
"""

from __future__ import annotations

import torch

from .resample import box_mean, resize

_RADIUS_SHARE = 1 / 58  # of the longer side
_FLOOR = 0.04**2  # variance of lightness below which a window counts as flat


def along_edges(planes: torch.Tensor, lightness: torch.Tensor) -> torch.Tensor:
    """Carries planes to the grid of a lightness.

    Args:
        planes: float32 [n, h, w], values in [0, 1].
        lightness: float32 [H, W], [0, 1], on the same device.

    Returns:
        float32 [n, H, W], [0, 1].

    Example:
        >>> lightness = torch.zeros(32, 32)
        >>> lightness[:, 16:] = 1.0
        >>> coarse = torch.zeros(1, 8, 8)
        >>> coarse[:, :, 4:] = 1.0
        >>> fine = along_edges(coarse, lightness)
        >>> bool(fine[0, :, :15].max() < 0.1 and fine[0, :, 17:].min() > 0.9)
        True
    """
    shape = (lightness.shape[0], lightness.shape[1])
    radius = max(2, round(max(shape) * _RADIUS_SHARE))
    planes, guide = resize(planes.permute(1, 2, 0), shape).permute(2, 0, 1), lightness[None]
    mean_guide, mean_planes = box_mean(guide, radius), box_mean(planes, radius)
    slope = (box_mean(guide * planes, radius) - mean_guide * mean_planes) / (box_mean(guide * guide, radius) - mean_guide * mean_guide + _FLOOR)
    offset = mean_planes - slope * mean_guide
    return (box_mean(slope, radius) * guide + box_mean(offset, radius)).clamp(0, 1)
