"""The difference of colors as it is seen: CIEDE2000."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ciede2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """The CIEDE2000 difference of colors [1]_; about 1 is just visible.

    Args:
        first: float [..., 3], CIE L*a*b* in its own units.
        second: the same.

    Returns:
        float64 [...].

    Example:
        >>> round(float(ciede2000(np.array([50.0, 2.6772, -79.7751]), np.array([50.0, 0.0, -82.7485]))), 4)
        2.0425

    References:
        .. [1] G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula", Color Research & Application 30(1), 2005.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(colors, np.float64), -1, 0) for colors in (first, second))
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2.0) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360.0 for a, b in ((a1, b1), (a2, b2)))
    colored = c1 * c2 > 0.0
    turn = np.where(colored, (h2 - h1 + 180.0) % 360.0 - 180.0, 0.0)
    hue = np.where(colored, h1 + turn / 2.0, h1 + h2)
    lightness, chroma = (l1 + l2) / 2.0, (c1 + c2) / 2.0
    t = (
        1.0 - 0.17 * _cosine(hue - 30.0) + 0.24 * _cosine(2.0 * hue) + 0.32 * _cosine(3.0 * hue + 6.0) - 0.20 * _cosine(4.0 * hue - 63.0)
    )  # fmt: skip
    by_lightness = (l2 - l1) / (1.0 + 0.015 * (lightness - 50.0) ** 2 / np.sqrt(20.0 + (lightness - 50.0) ** 2))
    by_chroma = (c2 - c1) / (1.0 + 0.045 * chroma)
    by_hue = 2.0 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2.0)) / (1.0 + 0.015 * chroma * t)
    blue = 60.0 * np.exp(-((((hue - 275.0 + 180.0) % 360.0 - 180.0) / 25.0) ** 2))
    rotation = -np.sin(np.radians(blue)) * 2.0 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return np.sqrt(np.maximum(by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue, 0.0))


def _cosine(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cos(np.radians(degrees))
