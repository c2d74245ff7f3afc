"""The chunks of a PNG file before its pixels: what libvips does not tell of them (PNG specification, third edition)."""

from __future__ import annotations

import mmap
import struct

from . import profiles

_LONGEST = 4096  # bytes of a chunk that are kept
_SRGB_GAMMA, _NEAR = 45455, 1000  # what programs write for sRGB


def chunks(data: mmap.mmap | bytes) -> dict[bytes, bytes]:
    """The chunks between the header and the pixels, by name: the first of several, and the first 4096 bytes of each."""
    found: dict[bytes, bytes] = {}
    place = 8
    while len(head := data[place : place + 8]) == 8 and head[4:] != b"IDAT":
        length = int.from_bytes(head[:4], "big")
        found.setdefault(head[4:], data[place + 8 : place + 8 + min(length, _LONGEST)])
        place += length + 12  # with its head and checksum
    return found


def frames(found: dict[bytes, bytes]) -> int:
    """The number of frames of an animated PNG, else 1."""
    animation = found.get(b"acTL", b"")
    return int.from_bytes(animation[:4], "big") if len(animation) == 8 else 1


def profile(found: dict[bytes, bytes], channels: int) -> bytes | None:
    """The color space that a file without an ICC profile states otherwise, as an ICC profile; None if that is sRGB.

    Args:
        found: its chunks.
        channels: color channels: 1 (gray) or 3 (RGB).

    Raises:
        profiles.Unknown: it states one that cannot be expressed.
    """
    if len(found.get(b"cICP", b"")) == 4:
        primaries, transfer, matrix, full = found[b"cICP"]
        if matrix != 0 or full != 1:
            raise profiles.Unknown(f"matrix {matrix}, range {full}")
        return profiles.of_code_points(primaries, transfer, channels)
    gamma = int.from_bytes(found.get(b"gAMA", b"\0")[:4], "big")
    if b"sRGB" in found or gamma == 0:
        return None
    curve = profiles.SRGB_CURVE if abs(gamma - _SRGB_GAMMA) < _NEAR else profiles.gamma(100_000 / gamma)
    primaries_xy = profiles.SRGB_PRIMARIES
    white = profiles.D65
    if len(found.get(b"cHRM", b"")) == 32:
        x_w, y_w, *rest = (value / 100_000 for value in struct.unpack(">8I", found[b"cHRM"]))
        white, primaries_xy = (x_w, y_w), ((rest[0], rest[1]), (rest[2], rest[3]), (rest[4], rest[5]))
    if curve == profiles.SRGB_CURVE and profiles.alike(primaries_xy, white):
        return None
    return profiles.build(primaries_xy, white, curve, channels)
