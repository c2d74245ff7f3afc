"""A recolored picture -> coefficients of the local linear transform that gives it (ours)."""

from __future__ import annotations

import torch

from ..pixels.resample import box_mean

_RADIUS = 2
_FLOOR = 1e-4  # variance below which a window counts as flat, channels in [0, 1]


def coefficients_of(recolored: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Slopes from a regression over small windows, and offsets that make the transform exact at every pixel.

    Args:
        recolored: float32 [h, w, 3], scaled Lab.
        source: float32 [h, w, 3], scaled Lab.

    Returns:
        float32 [h, w, 6], see :mod:`nct_core.transform.coefficients`.

    Example:
        >>> source = torch.rand(9, 9, 3, generator=torch.Generator().manual_seed(0))
        >>> found = coefficients_of(0.5 * source + 0.1, source)
        >>> bool((found[..., 0::2] * source + found[..., 1::2] - (0.5 * source + 0.1)).abs().max() < 1e-6)
        True
    """
    x, y = source.permute(2, 0, 1), recolored.permute(2, 0, 1)
    mean_x, mean_y = box_mean(x, _RADIUS), box_mean(y, _RADIUS)
    slopes = (box_mean(x * y, _RADIUS) - mean_x * mean_y) / (box_mean(x * x, _RADIUS) - mean_x * mean_x + _FLOOR)
    slopes = box_mean(slopes, _RADIUS)
    return torch.stack([slopes, y - slopes * x], -1).permute(1, 2, 0, 3).flatten(-2).contiguous()
