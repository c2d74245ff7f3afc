"""Moves the ends of the tone range to the reference's and leaves the middle: whites become as white and blacks as black (ours)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

_QUANTILES = np.array([0.01, 0.05, 0.15, 0.35, 0.5, 0.65, 0.85, 0.95, 0.99])
_SHARES = np.array([1.0, 0.8, 0.45, 0.1, 0.0, 0.1, 0.45, 0.8, 1.0])  # share of the ends' movement that each quantile follows
_LEAST_SLOPE = 0.25


def move_tone_ends(lightness: torch.Tensor, ends: tuple[float, float], amount: float) -> torch.Tensor:
    """Moves the points of 1 % and 99 % of lightness toward given ones, along a smooth curve that never falls.

    Args:
        lightness: float32 [h, w], nominal range [0, 1].
        ends: the 1 % and 99 % quantiles of the reference's lightness.
        amount: 0 (nothing) to 1 (all the way).

    Returns:
        float32 [h, w] in [0, 1].

    Example:
        >>> ramp = torch.linspace(0.2, 0.7, 101).reshape(1, -1)
        >>> [round(float(x), 2) for x in move_tone_ends(ramp, (0.1, 0.9), 1.0)[0, [1, 50, 99]]]
        [0.1, 0.45, 0.9]
    """
    values = lightness.cpu().numpy()
    return torch.from_numpy(tone_curve(values, ends, amount)(values).clip(0.0, 1.0).astype(np.float32)).to(lightness.device)


def tone_curve(lightness: NDArray[np.floating], ends: tuple[float, float], amount: float) -> PchipInterpolator:
    """The curve of :func:`move_tone_ends`, with the same arguments (lightness of any shape): a function of lightness, not clipped, over [0, 1] and more.

    Example:
        >>> round(float(tone_curve(np.linspace(0.2, 0.7, 101), (0.1, 0.9), 1.0)(0.45)), 2)
        0.45
    """
    present = np.quantile(lightness.astype(np.float64), _QUANTILES)
    present = np.maximum.accumulate(present + 1e-5 * np.arange(len(present)))
    low, high = amount * (ends[0] - present[0]), amount * (ends[1] - present[-1])
    moved = present + _SHARES * np.where(np.arange(len(present)) < len(present) // 2, low, high)
    least = _LEAST_SLOPE * np.diff(present)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + least[i - 1])
    darkest, lightest = min(0.0, float(lightness.min()), present[0]) - 0.01, max(1.0, float(lightness.max()), present[-1]) + 0.01
    places = np.concatenate([[darkest], present, [lightest]])
    values = np.concatenate([[moved[0] - (present[0] - darkest)], moved, [moved[-1] + lightest - present[-1]]])
    return PchipInterpolator(places, values)
