"""The local linear color transform (paper section 3.3): position p, channel c of scaled Lab, ``out = a * s + b``.

Coefficients are float32 [h, w, 6]: (a, b) of the three channels one after the other.
"""

from __future__ import annotations

import torch


def recolor(coefficients: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Applies a * s + b, float32 [h, w, 3], not clipped."""
    return coefficients[..., 0::2] * source + coefficients[..., 1::2]


def keep_colors(coefficients: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Moves a transform toward the one that changes nothing.

    Args:
        coefficients: float32 [h, w, 6].
        weight: float32 [h, w], [0, 1]; 1 changes nothing.

    Returns:
        float32 [h, w, 6].

    Example:
        >>> bool(torch.equal(recolor(keep_colors(torch.rand(2, 2, 6), torch.ones(2, 2)), torch.ones(2, 2, 3)), torch.ones(2, 2, 3)))
        True
    """
    return torch.lerp(coefficients, coefficients.new_tensor([1.0, 0.0] * 3), weight[..., None])
