"""CIEDE2000, the color difference in which we state that two results agree.

Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", Color Research and Application 30(1), 2005.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..pixels.lab import srgb_to_lab


def ciede2000(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """The difference at every pixel, float64 [H, W].

    Args:
        one, other: float32 [H, W, 3], sRGB-encoded; clipped to [0, 1], as a screen would.
    """
    (l1, a1, b1), (l2, a2, b2) = _lab(one), _lab(other)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1 * stretch)) % 360, np.degrees(np.arctan2(b2, a2 * stretch)) % 360
    both = c1 * c2 > 0
    turn = np.where(both, (h2 - h1 + 180) % 360 - 180, 0.0)
    hue = np.where(both, (h1 + turn / 2) % 360, h1 + h2)  # half-way round the shorter side
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    cosines = ((-0.17, 1, -30.0), (0.24, 2, 0.0), (0.32, 3, 6.0), (-0.20, 4, -63.0))
    weight = 1 + sum(factor * np.cos(np.radians(times * hue + shift)) for factor, times, shift in cosines)
    scale_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    scale_c, scale_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight
    bend = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    dl, dc, dh = (l2 - l1) / scale_l, (c2 - c1) / scale_c, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2) / scale_h
    return np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + bend * dc * dh, 0))


def _lab(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """L in [0, 100], a and b, [3, H, W]."""
    scaled = srgb_to_lab(torch.from_numpy(image.clip(0, 1).astype(np.float64))).numpy()
    return np.stack([scaled[..., 0] * 100, scaled[..., 1] * 255 - 128, scaled[..., 2] * 255 - 128])
