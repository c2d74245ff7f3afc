"""The pixels of an image file and what travels with them.

Files that are written: 8/16-bit PNG, 8/16-bit and 32-bit float TIFF, JPEG and WebP; gray or RGB, each with or without alpha (not
premultiplied). For those that are read see :mod:`nct_core.files.kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP"}

DEPTHS = {"PNG": ("uint8", "uint16"), "TIFF": ("uint8", "uint16", "float32"), "JPEG": ("uint8",), "WebP": ("uint8",)}

SAMPLES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}

DEFAULT_RESOLUTION = 72 / 25.4  # pixels per millimeter, where the file says nothing


@dataclass(frozen=True)
class Picture:
    """The pixels of a file in its own color space, and what travels with them.

    Attributes:
        pixels: uint8, uint16 or float32 (nominally in [0, 1]) [H, W, C]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; upright.
        icc_profile: the color space's ICC profile as it is in the file; None means sRGB.
        metadata: EXIF, XMP, IPTC and comments, under libvips' names (without orientation and thumbnail).
        resolution: pixels per millimeter (horizontal, vertical).
    """

    pixels: np.ndarray
    icc_profile: bytes | None = None
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    resolution: tuple[float, float] = (DEFAULT_RESOLUTION, DEFAULT_RESOLUTION)
