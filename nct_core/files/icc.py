"""ICC profiles of RGB and gray images: own color space <-> sRGB, in extended range.

Profiles made of a matrix and curves (AdobeRGB, Display P3, ProPhoto, linear sRGB, gray gamma: nearly all there are) are
evaluated here in float64, because Little CMS evaluates tabulated curves in 16 bits and inverts them coarsely: dark values
would not survive the round trip. Profiles made of lookup tables go through Little CMS and lose what lies outside [0, 1].

"sRGB" is extended: encoded values outside [0, 1] stand for colors outside the sRGB gamut. Below 0 every curve continues by odd
symmetry, f(-x) = -f(x), as in :mod:`nct_core.pixels.lab`.

Color conversion is relative colorimetric, without black point compensation. References: ICC.1:2022, sections 7, 9 and 10.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import imagecodecs
import numpy as np

# linear sRGB -> XYZ under D50: primaries and white (0.3127, 0.3290) of IEC 61966-2-1, adapted by Bradford's method
SRGB_TO_XYZ = np.array([[0.43604204, 0.38511413, 0.14304671], [0.22248482, 0.71690455, 0.06061063], [0.01392028, 0.09706760, 0.71391752]])
SAME_AS_SRGB = 0.5 / 255  # a profile whose colors all lie this close to sRGB's counts as sRGB
RELATIVE_COLORIMETRIC = 1
PROFILE_ERRORS = (KeyError, IndexError, ValueError, ArithmeticError, struct.error, RuntimeError)


class ProfileError(ValueError):
    """A profile is damaged or does not fit the pixels; the message says why."""


Values: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


def _with_sign_of(argument: Values, value: Values) -> Values:
    return np.where(argument < 0, -value, value)


class Curve(Protocol):
    """A tone curve: device value <-> linear light, both nominally in [0, 1]."""

    def decode(self, device: Values) -> Values: ...

    def encode(self, linear: Values) -> Values: ...


@dataclass(frozen=True)
class ParametricCurve:
    """linear = (a x + b)^g + e for x >= d, else c x + f; mirrored at 0 for negative values."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def decode(self, device: Values) -> Values:
        x = np.abs(device)
        y = np.maximum(self.a * x + self.b, 0) ** self.g + self.e
        if self.d > 0:
            y = np.where(x >= self.d, y, self.c * x + self.f)
        return _with_sign_of(device, y)

    def encode(self, linear: Values) -> Values:
        y = np.abs(linear)
        x = (np.maximum(y - self.e, 0) ** (1 / self.g) - self.b) / self.a
        if self.d > 0 and self.c > 0:
            x = np.where(y >= self.c * self.d + self.f, x, (y - self.f) / self.c)
        return _with_sign_of(linear, x)


SRGB_CURVE = ParametricCurve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@dataclass(frozen=True)
class TableCurve:
    """Linear interpolation in equidistant samples; a straight line goes on above 1, mirrored at 0 for negative values."""

    samples: Values  # float64 [N], not decreasing

    def decode(self, device: Values) -> Values:
        x = np.abs(device)
        position = x * (len(self.samples) - 1)
        below = np.minimum(position.astype(np.intp), len(self.samples) - 2)
        start = self.samples[below]
        y = start + (self.samples[below + 1] - start) * (position - below)
        return _with_sign_of(device, y)

    def encode(self, linear: Values) -> Values:
        y = np.abs(linear)
        x = np.interp(y, self.samples, np.linspace(0, 1, len(self.samples)))
        end_slope = max(float(self.samples[-1] - self.samples[-2]) * (len(self.samples) - 1), 1e-3)
        x += np.maximum(y - self.samples[-1], 0) / end_slope
        return _with_sign_of(linear, x)


class Space(Protocol):
    """A color space other than sRGB; values are float64 [N, 1] (gray) or [N, 3] (RGB)."""

    def to_srgb(self, device: Values) -> Values: ...

    def from_srgb(self, srgb: Values) -> Values: ...


@dataclass(frozen=True)
class CurveSpace:
    """Curves, and for RGB a matrix from its linear light to linear sRGB's."""

    curves: list[Curve]
    matrix: Values | None  # float64 [3, 3]; None for gray and for sRGB's own primaries

    def to_srgb(self, device: Values) -> Values:
        linear = np.stack([curve.decode(device[:, i]) for i, curve in enumerate(self.curves)], axis=1)
        return SRGB_CURVE.encode(linear if self.matrix is None else linear @ self.matrix.T)

    def from_srgb(self, srgb: Values) -> Values:
        linear = SRGB_CURVE.decode(srgb)
        if self.matrix is not None:
            linear = linear @ np.linalg.inv(self.matrix).T
        return np.stack([curve.encode(linear[:, i]) for i, curve in enumerate(self.curves)], axis=1)


@dataclass(frozen=True)
class LookupSpace:
    """An RGB space given by lookup tables, evaluated by Little CMS."""

    profile: bytes

    def to_srgb(self, device: Values) -> Values:
        return _little_cms(device, self.profile, imagecodecs.cms_profile("srgb"))

    def from_srgb(self, srgb: Values) -> Values:
        return _little_cms(srgb, imagecodecs.cms_profile("srgb"), self.profile)


def _little_cms(values: Values, profile: bytes, outprofile: bytes) -> Values:
    row = np.clip(values, 0, 1).astype(np.float32)[None]
    converted: Values = imagecodecs.cms_transform(row, profile, outprofile, colorspace="rgb", outcolorspace="rgb", intent=RELATIVE_COLORIMETRIC)[0]
    return converted.astype(np.float64)


def space(profile: bytes, channels: int) -> Space | None:
    """Reads an ICC profile for an image of 1 (gray) or 3 (RGB) color channels.

    Returns:
        The color space, or None where it is sRGB (within half an 8-bit step everywhere).

    Raises:
        ProfileError: the profile is damaged or belongs to another kind of pixels.
    """
    try:
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            found = _parse(profile, channels)
            levels = np.linspace(0, 1, 17 if channels == 3 else 256)
            probe = np.stack(np.meshgrid(*[levels] * channels), axis=-1).reshape(-1, channels)
            there = found.to_srgb(probe)
            back = found.from_srgb(there)
    except ProfileError:
        raise
    except PROFILE_ERRORS as error:
        raise ProfileError(f"it is damaged ({error})") from error
    if not (np.isfinite(there).all() and np.isfinite(back).all()):
        raise ProfileError("its curves or matrix cannot be inverted")
    return None if np.abs(there - probe).max() <= SAME_AS_SRGB else found


def _parse(profile: bytes, channels: int) -> Space:
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ProfileError("it is not an ICC profile")
    kind, expected = profile[16:20], {1: b"GRAY", 3: b"RGB "}[channels]
    if kind != expected:
        raise ProfileError(f"it is for {kind.decode('latin-1').strip()} pixels, expected {expected.decode().strip()}")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 200))]
    tags = {name: profile[start : start + size] for name, start, size in entries}
    if channels == 1:
        return CurveSpace([_curve(tags[b"kTRC"])], None)
    if {b"A2B0", b"A2B1"} & tags.keys() and (b"rXYZ" not in tags or {b"B2A0", b"B2A1"} & tags.keys()):
        return LookupSpace(profile)  # tables in both directions come before a matrix (ICC.1:2022, 8.3)
    columns = [np.array(struct.unpack_from(">3i", tags[name], 8)) / 65536 for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    matrix = np.linalg.inv(SRGB_TO_XYZ) @ np.stack(columns, axis=1)
    same_primaries = np.allclose(matrix, np.eye(3), rtol=0, atol=5e-4)  # a profile's rounding must not mix the channels of linear sRGB
    return CurveSpace([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], None if same_primaries else matrix)


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.array(struct.unpack_from(f">{count}H", tag, 12), dtype=np.float64)
        if count < 2:
            return ParametricCurve(values[0] / 256 if count else 1.0)
        if (np.diff(values) < 0).any() or values[0] == values[-1]:
            raise ProfileError("one of its curves falls, expected rising curves")
        return TableCurve(values / 65535)
    if tag[:4] == b"para":
        kind, _ = struct.unpack_from(">HH", tag, 8)
        p = np.array(struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)) / 65536
        if kind == 1:
            return ParametricCurve(p[0], p[1], p[2], c=0.0, d=-p[2] / p[1])
        if kind == 2:
            return ParametricCurve(p[0], p[1], p[2], c=0.0, d=-p[2] / p[1], e=p[3], f=p[3])
        return ParametricCurve(*p)
    raise ProfileError(f"it has a curve of the unknown type {tag[:4]!r}")
