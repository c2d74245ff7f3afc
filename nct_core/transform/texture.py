"""Keeps the source's texture where the reference has none, such as a black ground or a burned-out sky (ours)."""

from __future__ import annotations

import torch

from ..pixels.resample import box_mean

_LEAST_SLOPE = 0.5
_RADIUS_SHARE = 1 / 90  # of the longer side
_EDGE = 0.06  # lightness; a larger variation within the radius is an edge, not texture
_ROOM = 2.0  # standard deviations of texture that have to fit between black and white


def keep(coefficients: torch.Tensor, lightness: torch.Tensor) -> torch.Tensor:
    """Gives the transform of lightness a least slope about the local base of the image, and room for the texture above black and below white.

    The base is the image smoothed up to its edges (guided filter), so that no halos appear at edges.

    Args:
        coefficients: float32 [H, W, 6], see :mod:`nct_core.transform.coefficients`.
        lightness: float32 [H, W], of the source, [0, 1].

    Returns:
        float32 [H, W, 6]; unchanged where the slope of lightness is at least 0.5.
    """

    def average(plane: torch.Tensor) -> torch.Tensor:
        return box_mean(plane[None], radius)[0]

    radius = max(2, round(max(lightness.shape) * _RADIUS_SHARE))
    mean = average(lightness)
    variance = (average(lightness * lightness) - mean * mean).clamp_min(0.0)
    share = variance / (variance + _EDGE**2)
    base = average(share) * lightness + average((1.0 - share) * mean)
    deviation = average((lightness - base) ** 2).sqrt()
    slope, offset = coefficients[..., 0], coefficients[..., 1]
    missing = (_LEAST_SLOPE - slope).clamp_min(0.0)
    room, mapped = _ROOM * _LEAST_SLOPE * deviation, slope * base + offset
    moved = ((room - mapped).clamp_min(0.0) - (mapped - 1.0 + room).clamp_min(0.0)) * (missing / _LEAST_SLOPE).clamp_max(1.0)
    return torch.cat([torch.stack([slope + missing, offset - missing * base + moved], -1), coefficients[..., 2:]], -1)
