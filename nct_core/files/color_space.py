"""Pixels in their own color space <-> sRGB.

The command line and the worker both convert pixels here, so that GIMP and the command line give the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from ..contract.errors import InputError
from ..pixels.check import color_channels
from ..runtime import threads
from ..runtime.progress import Advance, unwatched
from . import icc

log = logging.getLogger(__name__)

BAND_PIXELS = 1 << 14  # converted at a time: the work in float64 stays in the processor's cache and small beside the image


def to_srgb(pixels: np.ndarray, icc_profile: bytes | None = None, advance: Advance = unwatched) -> np.ndarray:
    """Converts pixels of their own color space to sRGB.

    Args:
        pixels: uint8, uint16 or float32 [H, W, C] (nominally [0, 1]), C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.
        icc_profile: their ICC profile; None (or empty) means sRGB. A profile that is damaged or does not fit the channels is
            ignored with a logged warning.
        advance: called after every band of rows.

    Returns:
        float32 [H, W, C], sRGB-encoded; colors outside sRGB leave [0, 1] (see ``icc.py``). Alpha is only scaled. Where the profile
        is sRGB this is a plain scaling by 1/255 or 1/65535, exactly undone by :func:`from_srgb`.

    Raises:
        InputError: floating-point pixels contain NaN or infinity.
    """
    if pixels.dtype == np.float32:
        bad = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
        if bad:
            raise InputError(f"expected finite pixel values, got {bad} that are NaN or infinite; repair the image first")
        scaled: np.ndarray = pixels.copy()
    else:
        scaled = np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), dtype=np.float32)
    colors = color_channels(pixels.shape[2])
    own = _space(icc_profile, colors, warn=True)
    if own:
        _each_band(lambda band: _convert(band, own.to_srgb, colors), scaled, advance=advance)
    return scaled


def from_srgb(image: np.ndarray, icc_profile: bytes | None, dtype: np.dtype[Any] | type, advance: Advance = unwatched) -> np.ndarray:
    """Undoes :func:`to_srgb`: float32 [H, W, C] sRGB-encoded → pixels [H, W, C] of ``dtype`` in the profile's color space.

    Integers are rounded to the nearest and clipped to their range; float32 is neither.
    """
    colors = color_channels(image.shape[2])
    own = _space(icc_profile, colors, warn=False)
    pixels = np.empty(image.shape, dtype)

    def convert(band: np.ndarray, target: np.ndarray) -> None:
        if own:
            band = band.copy()
            _convert(band, own.from_srgb, colors)
        if target.dtype != np.float32:
            band = np.rint(np.clip(band, 0, 1) * np.float32(np.iinfo(target.dtype).max))
        target[...] = band

    _each_band(convert, image, pixels, advance=advance)
    return pixels


def _space(profile: bytes | None, colors: int, *, warn: bool) -> icc.Space | None:
    if not profile:
        return None
    try:
        return icc.space(profile, colors)
    except icc.ProfileError as error:
        if warn:
            log.warning("the ICC profile is passed over and sRGB assumed: %s", error)
        return None


def _convert(band: np.ndarray, conversion: Callable[[np.ndarray], np.ndarray], colors: int) -> None:
    """Converts the colors of float32 [h, W, C] in place."""
    values = band[..., :colors].reshape(-1, colors).astype(np.float64)
    band[..., :colors] = conversion(values).reshape(*band.shape[:2], colors)


def _each_band(work: Callable[..., None], *images: np.ndarray, advance: Advance) -> None:
    """Calls ``work`` on views of a few rows [h, W, C] of every image."""
    height, width = images[0].shape[:2]
    rows = max(1, BAND_PIXELS // width)

    def bands(first: int, last: int) -> None:
        for start in range(first * rows, min(last * rows, height), rows):
            work(*(image[start : start + rows] for image in images))

    threads.over_rows(bands, -(-height // rows), grain=8, advance=advance, bands_per_thread=threads.BANDS_OF_PICTURES)
