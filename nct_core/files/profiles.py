"""Makes ICC profiles of color spaces that files state in other ways: PNG's gAMA, cHRM and cICP, AVIF's nclx, EXIF's Adobe RGB (ICC.1:2022)."""

from __future__ import annotations

import struct
from typing import TypeAlias

import numpy as np

XY: TypeAlias = tuple[float, float]
Primaries: TypeAlias = tuple[XY, XY, XY]

D65: XY = (0.3127, 0.3290)
SRGB_PRIMARIES: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BT2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_ADOBE: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
_SAME = 0.002  # chromaticities this near are rounded versions of each other


class Unknown(ValueError):
    """A color space cannot be expressed as an ICC profile; the message says what the file states."""


def gamma(exponent: float) -> bytes:
    """The curve linear = encoded^exponent.

    Raises:
        Unknown: no picture has such a curve.
    """
    if not 0.1 <= exponent <= 10:
        raise Unknown(f"gamma {exponent:.3g}")
    return _parametric(0, exponent)


def _parametric(kind: int, *parameters: float) -> bytes:
    return struct.pack(f">4sIHH{len(parameters)}i", b"para", 0, kind, 0, *(round(65536 * value) for value in parameters))


SRGB_CURVE = _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE = _parametric(3, 1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
# ITU-T H.273; 2 is "unspecified"
_CODED_PRIMARIES = {1: SRGB_PRIMARIES, 2: SRGB_PRIMARIES, 9: _BT2020, 12: _P3}
_CODED_CURVES = {1: _BT709_CURVE, 2: SRGB_CURVE, 4: gamma(2.2), 5: gamma(2.8), 6: _BT709_CURVE, 8: gamma(1.0), 13: SRGB_CURVE, 14: _BT709_CURVE}


def of_code_points(primaries: int, transfer: int, channels: int) -> bytes | None:
    """The profile of a space in the code points of ITU-T H.273; None if it is sRGB.

    Raises:
        Unknown: it is for HDR (PQ, HLG) or rare.
    """
    if primaries not in _CODED_PRIMARIES or transfer not in _CODED_CURVES:
        raise Unknown(f"primaries {primaries}, transfer {transfer}")
    if _CODED_PRIMARIES[primaries] == SRGB_PRIMARIES and _CODED_CURVES[transfer] == SRGB_CURVE:
        return None
    return build(_CODED_PRIMARIES[primaries], D65, _CODED_CURVES[transfer], channels)


def adobe_rgb() -> bytes:
    """Adobe RGB (1998)."""
    return build(_ADOBE, D65, gamma(563 / 256), 3)


def alike(primaries: Primaries, white: XY) -> bool:
    """Whether these are sRGB's."""
    return bool(np.abs(np.subtract((*primaries, white), (*SRGB_PRIMARIES, D65))).max() < _SAME)


def build(primaries: Primaries, white: XY, curve: bytes, channels: int) -> bytes:
    """A profile from chromaticities and one curve for all channels.

    Args:
        primaries, white: CIE xy.
        curve: a tag, as :func:`gamma` makes it.
        channels: 1 (gray, of which the curve is all) or 3 (RGB).

    Raises:
        Unknown: the chromaticities are no color space.

    Example:
        >>> len(build(SRGB_PRIMARIES, D65, gamma(1.0), 3)) % 4
        0
    """
    tags = {b"kTRC": curve}
    if channels == 3:
        columns = _to_d50(primaries, white).T
        tags = {name: struct.pack(">4sI3i", b"XYZ ", 0, *(round(65536 * value) for value in xyz)) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns)}
        tags.update({b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})
    tags[b"wtpt"] = struct.pack(">4sI3i", b"XYZ ", 0, *(round(65536 * value) for value in _D50))
    tags[b"desc"] = tags[b"cprt"] = struct.pack(">4sIII2sHII", b"mluc", 0, 1, 12, b"en", 0x5553, 0, 28)
    contents = dict.fromkeys(tags.values())  # equal tags are stored once
    start, places, body = 132 + 12 * len(tags), {}, b""
    for content in contents:
        places[content] = start + len(body)
        body += content + bytes(-len(content) % 4)
    directory = b"".join(struct.pack(">4sII", name, places[content], len(content)) for name, content in tags.items())
    space = b"RGB " if channels == 3 else b"GRAY"
    head = struct.pack(">I4sI4s4s4s12x4s28x3i48x", start + len(body), b"", 0x04300000, b"mntr", space, b"XYZ ", b"acsp", *(round(65536 * v) for v in _D50))
    return head + struct.pack(">I", len(tags)) + directory + body


def _to_d50(primaries: Primaries, white: XY) -> np.ndarray:
    """The matrix from linear light to XYZ under D50: each primary is a column."""
    corners = np.array([_xyz(xy) for xy in primaries]).T
    try:
        scaled = corners * np.linalg.solve(corners, _xyz(white))
        cone, cone_d50 = _BRADFORD @ _xyz(white), _BRADFORD @ _D50
        adapted: np.ndarray = np.linalg.inv(_BRADFORD) @ np.diag(cone_d50 / cone) @ _BRADFORD @ scaled
    except (np.linalg.LinAlgError, ZeroDivisionError, FloatingPointError) as error:
        raise Unknown(f"primaries {primaries}, white {white}") from error
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 4:
        raise Unknown(f"primaries {primaries}, white {white}")
    return adapted


def _xyz(xy: XY) -> np.ndarray:
    x, y = xy
    if y <= 0:
        raise Unknown(f"chromaticity {x}, {y}")
    return np.array([x / y, 1.0, (1 - x - y) / y])
