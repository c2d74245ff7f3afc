"""A look as a table of colors: kept within safe bounds, and put on a picture by trilinear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..pixels.lab import lab_to_srgb, srgb_to_lab

SIDE = 17
"""Grid points per channel of a look's table."""
_SCALE, _SHIFT = np.array([100.0, 255.0, 255.0], np.float32), np.array([0.0, 128.0, 128.0], np.float32)  # scaled Lab to CIE L*a*b*
_BAND = 1 << 18  # pixels that are interpolated at once


@dataclass(frozen=True)
class Look:
    """A global color transform.

    Attributes:
        table: float32 [17, 17, 17, 3], sRGB in [0, 1] by sRGB; indices are red, green, blue, equally spaced from 0 to 1.
        limit: why the look is less than what was asked for: ``""``, ``"gray"`` (the reference has no colors) or
            ``"flat"`` (it has one tone only).
    """

    table: NDArray[np.float32]
    limit: str = ""

    def apply(self, image: NDArray[np.float32], strength: float = 1.0) -> NDArray[np.float32]:
        """Puts the look on a picture.

        Args:
            image: float [..., 3], sRGB; values outside [0, 1] keep their excess.
            strength: 0 (nothing) to 1 (the look).

        Returns:
            float32 of the same shape.

        Example:
            >>> float(Look(identity_table()).apply(np.full((2, 2, 3), 0.25, np.float32))[0, 0, 0])
            0.25
        """
        pixels = np.asarray(image, np.float32).reshape(-1, 3)
        result = np.empty_like(pixels)
        for first in range(0, len(pixels), _BAND):
            band = pixels[first : first + _BAND]
            inside = np.clip(band, 0.0, 1.0)
            result[first : first + _BAND] = band + np.float32(strength) * (interpolate(self.table, inside) - inside)
        return result.reshape(np.shape(image))


def identity_table(side: int = SIDE) -> NDArray[np.float32]:
    """The table that changes nothing: float32 [side, side, side, 3].

    Example:
        >>> identity_table(3)[2, 1, 0].tolist()
        [1.0, 0.5, 0.0]
    """
    steps = np.linspace(0.0, 1.0, side, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)


def interpolate(table: NDArray[np.floating], colors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Reads a table between its grid points.

    Args:
        table: float [side, side, side, C].
        colors: float [N, 3] in [0, 1].

    Returns:
        float32 [N, C], trilinear.

    Example:
        >>> interpolate(identity_table(3), np.array([[0.2, 0.6, 1.0]])).round(3).tolist()
        [[0.20000000298023224, 0.6000000238418579, 1.0]]
    """
    volume = torch.from_numpy(np.ascontiguousarray(np.moveaxis(table, -1, 0), np.float32))[None]  # [1, C, red, green, blue]
    places = torch.from_numpy(np.ascontiguousarray(colors[:, ::-1] * 2.0 - 1.0, np.float32))[None, None, None]  # the last axis first
    read = torch.nn.functional.grid_sample(volume, places, mode="bilinear", padding_mode="border", align_corners=True)
    return read[0, :, 0, 0].T.contiguous().numpy()


def to_lab(colors: NDArray[np.floating]) -> NDArray[np.float32]:
    """sRGB [..., 3] to CIE L*a*b* in its own units, float32."""
    scaled = srgb_to_lab(torch.from_numpy(np.ascontiguousarray(colors, np.float32))).numpy()
    return scaled * _SCALE - _SHIFT


def to_srgb(lab: NDArray[np.floating]) -> NDArray[np.float32]:
    """CIE L*a*b* to sRGB in [0, 1], float32; colors outside are clipped."""
    scaled = (lab + _SHIFT) / _SCALE
    return np.clip(lab_to_srgb(torch.from_numpy(np.ascontiguousarray(scaled, np.float32))).numpy(), 0.0, 1.0)


def rising_lightness(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Makes lightness rise wherever red, green and blue rise together.

    Args:
        lightness: float32 [side, side, side].

    Returns:
        float32 of the same shape: along every diagonal (i + t, j + t, k + t) it never falls; where it did not fall before, it is as it was.

    Example:
        >>> rising_lightness(np.float32([[[10, 10], [10, 10]], [[10, 10], [10, 4]]]))[1, 1, 1]
        np.float32(7.0)
    """
    highest, lowest = lightness.copy(), lightness.copy()
    for _ in range(len(lightness) - 1):
        highest[1:, 1:, 1:] = np.maximum(highest[1:, 1:, 1:], highest[:-1, :-1, :-1])
        lowest[:-1, :-1, :-1] = np.minimum(lowest[:-1, :-1, :-1], lowest[1:, 1:, 1:])
    return (highest + lowest) / np.float32(2.0)
