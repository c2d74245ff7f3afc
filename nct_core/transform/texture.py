"""What keeps the source's texture where the reference has none: a black ground, a burned-out sky (ours)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

_LEAST_SLOPE = 0.5
_RADIUS_SHARE = 1 / 90  # of the longer side
_EDGE = 0.06  # lightness; what varies by more within the radius is an edge, not texture
_ROOM = 2.0  # standard deviations of texture that have to fit between black and white


def keep(coefficients: torch.Tensor, lightness: torch.Tensor) -> torch.Tensor:
    """Gives the transform of lightness a least slope, about the local base of the picture, and room for it above black and below white.

    The base is the picture smoothed up to its edges (guided filter), so that no halo grows at them.

    Args:
        coefficients: float32 [H, W, 6], see :mod:`nct_core.transform.coefficients`.
        lightness: float32 [H, W], of the source, [0, 1].

    Returns:
        float32 [H, W, 6]; unchanged where the slope of lightness is at least 0.5.
    """
    radius = max(2, round(max(lightness.shape) * _RADIUS_SHARE))
    mean = _mean(lightness, radius)
    variance = (_mean(lightness * lightness, radius) - mean * mean).clamp_min(0.0)
    share = variance / (variance + _EDGE**2)
    base = _mean(share, radius) * lightness + _mean((1.0 - share) * mean, radius)
    deviation = _mean((lightness - base) ** 2, radius).sqrt()
    slope, offset = coefficients[..., 0], coefficients[..., 1]
    missing = (_LEAST_SLOPE - slope).clamp_min(0.0)
    room, mapped = _ROOM * _LEAST_SLOPE * deviation, slope * base + offset
    moved = ((room - mapped).clamp_min(0.0) - (mapped - 1.0 + room).clamp_min(0.0)) * (missing / _LEAST_SLOPE).clamp_max(1.0)
    return torch.cat([torch.stack([slope + missing, offset - missing * base + moved], -1), coefficients[..., 2:]], -1)


def _mean(plane: torch.Tensor, radius: int) -> torch.Tensor:
    """Over windows of 2 radius + 1, of what of them lies inside."""
    return F.avg_pool2d(plane[None, None], 2 * radius + 1, 1, radius, count_include_pad=False)[0, 0]
