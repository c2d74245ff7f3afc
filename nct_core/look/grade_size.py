"""How strong the grade is that a picture seems to carry, whatever the grade does (ours; learned like the prior, from looks put on photographs).

The prior's tables shrink to nothing where a picture does not tell *which* look it has. That it has one can be plain all
the same: crushed or tinted blacks, clipped channels, hues that nature hardly has.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from .layers import FURTHEST, gelu, linear

WEIGHTS = Path(__file__).with_name("grade_size.safetensors")


@cache
def _weights() -> dict[str, NDArray[np.float64]]:
    return {name: values.astype(np.float64) for name, values in load_file(WEIGHTS).items()}


def grade_size(statistics: NDArray[np.float64]) -> float:
    """Estimates the mean distance by which a grade moved a picture's colors.

    Args:
        statistics: float64 [459], ``color_statistics`` of the picture.

    Returns:
        CIE76 units, at least 0. Photographs as cameras make them are near 2, strong looks reach 20 and more.

    Example:
        >>> grade_size(np.zeros(459)) >= 0.0
        True
    """
    weights = _weights()
    x = np.clip((statistics - weights["mean"]) / weights["deviation"], -FURTHEST, FURTHEST)
    logarithm = linear(weights, "2", gelu(linear(weights, "1", gelu(linear(weights, "0", x)))))
    return float(np.expm1(max(0.0, float(logarithm[0]))))
