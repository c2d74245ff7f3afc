"""Layers of the two small networks, on plain arrays: the sums run in a fixed order, unlike a BLAS's, so that equal input gives equal output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

FURTHEST = 4.0
"""Statistics further than this many deviations from the mean count as that far."""


def linear(weights: dict[str, NDArray[np.float64]], name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """weight @ x + bias, with both named ``name``."""
    return (weights[f"{name}.weight"] * x).sum(-1) + weights[f"{name}.bias"]


def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """x times the normal distribution function."""
    return x * 0.5 * (1.0 + erf(x / np.sqrt(2.0)))
