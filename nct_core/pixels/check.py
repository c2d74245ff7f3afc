"""Checks image arrays (ours)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..contract.params import MAX_PIXELS, MAX_SIDE
from ..contract.texts import Text

# Far above any highlight and any color out of gamut, and below the values of unscaled integers.
_MAX_VALUE = 64.0
_MAX_REFERENCES = 255  # labels are uint8


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
        raise InputError(Text("about", name, Text("too_thin", f"{width}x{height}")))
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise InputError(f"{name}: expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels, got {width}x{height}")
    # The sum of finite float32 values is finite in float64; one pass without a mask the size of the image.
    if not np.isfinite(image.sum(dtype=np.float64)):
        bad = int(height * width * channels - np.isfinite(image).sum())
        raise InputError(f"{name}: expected finite values, got {bad} that are NaN or infinite; clean the picture before the transfer")
    low, high = float(image.min()), float(image.max())
    if high > _MAX_VALUE:
        raise InputError(f"{name}: expected sRGB values of nominal range 0 to 1, got up to {high:g}; divide 8-bit values by 255, 16-bit ones by 65535")
    if low < -_MAX_VALUE:
        raise InputError(f"{name}: expected sRGB values of nominal range 0 to 1, got down to {low:g}; correct or clip the picture before the transfer")
    if channels in (2, 4) and not (image[..., -1] > 0).any():
        raise InputError(Text("about", name, Text("all_transparent")))
    return image


def check_inputs(source: NDArray[np.float32], onto: NDArray[np.float32], references: Sequence[NDArray[np.float32]], names: Sequence[str] | None) -> None:
    """Checks all images of a transfer.

    Args:
        source: the image to recolor.
        onto: the source at the wanted size.
        references: the images that give the colors.
        names: what the source and each of the references are called in errors; None: "source", and "reference" or "reference 1" and so on.

    Raises:
        InputError: an image is not usable, there is none or too many, or a name is missing.
    """
    if names is not None and len(names) != 1 + len(references):
        raise InputError(f"expected {1 + len(references)} names, of the source and of every reference, got {len(names)}; name all of them or none")
    name, reference_names = ("source", None) if names is None else (names[0], names[1:])
    reference_names = check_references(references, reference_names)
    check_image(name, source)
    check_image(name, onto)
    for reference_name, reference in zip(reference_names, references):
        if reference.shape == source.shape and np.array_equal(reference, source):
            raise InputError(Text("about", reference_name, Text("same_picture")))


def check_references(references: Sequence[NDArray[np.float32]], names: Sequence[str] | None) -> list[str]:
    """Checks the references of a transfer and returns their names.

    Args:
        references: the images that give the colors.
        names: what each is called in errors; None: "reference", or "reference 1" and so on.

    Raises:
        InputError: an image is not usable, there is none or too many, or a name is missing.
    """
    if len(references) == 0:
        raise InputError("expected a reference image, got none; choose at least one")
    if len(references) > _MAX_REFERENCES:
        raise InputError(Text("too_many_references", _MAX_REFERENCES, len(references)))
    if names is None:
        names = ["reference"] if len(references) == 1 else [f"reference {number}" for number in range(1, len(references) + 1)]
    if len(names) != len(references):
        raise InputError(f"expected {len(references)} names, one for every reference, got {len(names)}; name all of them or none")
    for name, reference in zip(names, references):
        check_image(name, reference)
    return list(names)


def color_channels(channels: int) -> int:
    """The number of color channels: 1 for gray (1) and gray + alpha (2), 3 for RGB (3) and RGBA (4)."""
    return channels - (channels + 1) % 2
