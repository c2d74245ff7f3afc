"""Features as whole numbers (ours): int16, every vector of length :data:`UNIT`.

This halves the memory traffic, and sums of products are exact in any order, on any device.
"""

from __future__ import annotations

import torch

from ..runtime.backend import on_cpu
from . import fixed_point_cpu

UNIT = 7680
"""Length of a feature vector, up to rounding."""

PATCH_COUNTS = 36
"""A multiple of every number of positions that two 3x3 patches can share (1, 2, 3, 4, 6, 9): mean dot products times this are whole
numbers and fit into 31 bits."""


def fixed_point(features: torch.Tensor) -> torch.Tensor:
    """Scales every vector of float [h, w, C] to length UNIT and rounds it to int16; the zero vector stays."""
    if on_cpu(features):
        return fixed_point_cpu.fixed_point(features.float(), UNIT)
    features = features.float()
    return (features * (UNIT / features.norm(dim=-1, keepdim=True).clamp_min(1e-8))).round().to(torch.int16)
