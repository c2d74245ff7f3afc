"""What an image array has to be (ours)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..contract.params import MAX_PIXELS, MAX_SIDE

# Far above any highlight, and below what forgotten scaling gives.
_MAX_VALUE = 64.0


def check_image(name: str, image: object) -> NDArray[np.float32]:
    """Checks one image array and returns it.

    Args:
        name: what to call it in messages, for example "source".
        image: expected float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.

    Raises:
        InputError: it is something else, too small, too large, not finite, not scaled to [0, 1], or wholly transparent.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4):
        came = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"{name}: expected a float32 array [height, width, 1 to 4 channels], got {came}")
    height, width, channels = image.shape
    if min(height, width) < 2:
        raise InputError(f"{name}: expected at least 2 pixels a side, since a single row or column has no patches to match, got {width}x{height}")
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise InputError(f"{name}: expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels, got {width}x{height}")
    # The sum of finite float32 values is finite in float64; one pass without a mask the size of the image.
    if not np.isfinite(image.sum(dtype=np.float64)):
        bad = int(height * width * channels - np.isfinite(image).sum())
        raise InputError(f"{name}: expected finite values, got {bad} that are NaN or infinite; clean the picture before the transfer")
    if image.max() > _MAX_VALUE:
        raise InputError(f"{name}: expected sRGB values of nominal range 0 to 1, got up to {image.max():g}; divide 8-bit values by 255, 16-bit ones by 65535")
    if channels in (2, 4) and not (image[..., -1] > 0).any():
        raise InputError(f"{name}: expected at least one pixel that is not fully transparent, got none")
    return image


def color_channels(channels: int) -> int:
    """How many of an image's channels are color: 1 of gray (1) and gray + alpha (2), 3 of RGB (3) and RGBA (4)."""
    return channels - (channels + 1) % 2
