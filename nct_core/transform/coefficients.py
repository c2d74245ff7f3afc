"""The local linear color transform (paper section 3.3): position p, channel c of scaled Lab, ``out = a * s + b``.

Coefficients are float32 [h, w, 6]: (a, b) of the three channels one after the other.
"""

from __future__ import annotations

import torch


def recolor(coefficients: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Applies a * s + b, float32 [h, w, 3], not clipped."""
    return coefficients[..., 0::2] * source + coefficients[..., 1::2]
