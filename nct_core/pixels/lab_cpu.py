"""sRGB <-> scaled Lab compiled for the CPU: the contract is that of :mod:`nct_core.pixels.lab`; no mathematical library is called.

The curves are arithmetic without branches, so that the loops over pixels become vector instructions.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..runtime import threads
from ..runtime.compiled import compiled

_GRAIN_CHUNKS = 8
_CHUNK = 1024  # pixels; their rows stay in the nearest cache
_F = np.float32

_LINEAR_END, _ENCODED_END, _SLOPE = _F(0.0031308), _F(0.04045), _F(12.92)
_OFFSET, _SCALE = _F(0.055), _F(1.055)
_DELTA = 6.0 / 29.0
NEUTRAL = 128.0 / 255.0  # scaled a and b of gray
_NEUTRAL = _F(NEUTRAL)
_CUBE_END, _ROOT_END, _LAB_SLOPE, _LAB_OFFSET = _F(_DELTA**3), _F(_DELTA), _F(3 * _DELTA**2), _F(4.0 / 29.0)


@intrinsic
def _bits_of(_typing_context, _value):
    """A float32's bits as int32."""
    return types.int32(types.float32), lambda _context, builder, _signature, arguments: builder.bitcast(arguments[0], ir.IntType(32))


@intrinsic
def _float_of(_typing_context, _bits):
    """The float32 of these bits, an int32."""
    return types.float32(types.int32), lambda _context, builder, _signature, arguments: builder.bitcast(arguments[0], ir.FloatType())


@compiled(fastmath=True, error_model="numpy")
def power(x, exponent):
    """x ** exponent for normal float32 x > 0 and results that are normal too; relative error below 2e-6 where |log2 x| < 8."""
    bits = _bits_of(x)
    # x = 2^whole * m with m in [sqrt(1/2), sqrt(2)): log2 m is a series in (m - 1) / (m + 1), which is at most 0.172.
    whole = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    m = _float_of(bits - (whole << np.int32(23)))
    s = (m - _F(1.0)) / (m + _F(1.0))
    s2 = s * s
    series = _F(2.8853900817779268) + s2 * (
        _F(0.9617966939259756) + s2 * (_F(0.5770780163555854) + s2 * (_F(0.4121985831111324) + s2 * _F(0.3205988979753252)))
    )
    y = exponent * (_F(whole) + s * series)
    # 2^y = 2^whole * e^(z), |z| at most log(2) / 2.
    rounded = np.floor(y + _F(0.5))
    z = (y - rounded) * _F(0.6931471805599453)
    e = _F(1 / 6) + z * (_F(1 / 24) + z * (_F(1 / 120) + z * (_F(1 / 720) + z * _F(1 / 5040))))
    e = _F(1.0) + z * (_F(1.0) + z * (_F(0.5) + z * e))
    return e * _float_of((np.int32(rounded) + np.int32(127)) << np.int32(23))


@compiled(fastmath=True, error_model="numpy")
def _to_linear(encoded):
    magnitude = abs(encoded)
    curve = power((max(magnitude, _ENCODED_END) + _OFFSET) / _SCALE, _F(2.4))
    linear = curve if magnitude > _ENCODED_END else magnitude / _SLOPE
    return -linear if encoded < _F(0.0) else linear


@compiled(fastmath=True, error_model="numpy")
def _to_encoded(linear):
    magnitude = abs(linear)
    curve = _SCALE * power(max(magnitude, _LINEAR_END), _F(1.0 / 2.4)) - _OFFSET
    encoded = curve if magnitude > _LINEAR_END else magnitude * _SLOPE
    return -encoded if linear < _F(0.0) else encoded


@compiled(fastmath=True, error_model="numpy")
def _to_root(x):
    root = power(max(x, _CUBE_END), _F(1.0 / 3.0))
    return root if x > _CUBE_END else x / _LAB_SLOPE + _LAB_OFFSET


@compiled(fastmath=True, error_model="numpy")
def _to_cube(f):
    return f * f * f if f > _ROOT_END else _LAB_SLOPE * (f - _LAB_OFFSET)


# Each loop below writes one row and reads few: the compiler makes vector instructions only of those whose rows it can tell apart.


@compiled(fastmath=True, error_model="numpy")
def to_lab(colors, m, work, lab):
    """Scaled Lab of colors.

    Args:
        colors: float32 [n, 3 or more], sRGB-encoded, or [n, 1 or 2]: gray.
        m: float32 [3, 3], from linear sRGB to XYZ over the white.
        work: float32 [3, n or more], for intermediate values.
        lab: float32 [3, n or more], filled in.
    """
    n, last = len(colors), 2 if colors.shape[1] > 2 else 0
    for c in range(3):
        for i in range(n):
            lab[c, i] = colors[i, min(c, last)]
        for i in range(n):
            lab[c, i] = _to_linear(lab[c, i])
    for c in range(3):
        m0, m1, m2 = m[c, 0], m[c, 1], m[c, 2]
        for i in range(n):
            work[c, i] = _to_root(m0 * lab[0, i] + m1 * lab[1, i] + m2 * lab[2, i])
    for i in range(n):
        lab[0, i] = _F(1.16) * work[1, i] - _F(0.16)
    for i in range(n):
        lab[1, i] = (_F(500.0) * (work[0, i] - work[1, i]) + _F(128.0)) * _F(1 / 255)
    for i in range(n):
        lab[2, i] = (_F(200.0) * (work[1, i] - work[2, i]) + _F(128.0)) * _F(1 / 255)


@compiled(fastmath=True, error_model="numpy")
def to_srgb(lab, m, work, colors):
    """Inverts :func:`to_lab` into the first 3 values of ``colors``, or the first one if it is gray; overwrites ``lab``.

    ``m``: float32 [3, 3], from XYZ over the white to linear sRGB.
    """
    n = len(colors)
    for i in range(n):
        work[1, i] = (lab[0, i] + _F(0.16)) * _F(1 / 1.16)
    for i in range(n):
        work[0, i] = _to_cube(work[1, i] + (lab[1, i] * _F(0.51) - _F(0.256)))
    for i in range(n):
        work[2, i] = _to_cube(work[1, i] - (lab[2, i] * _F(1.275) - _F(0.64)))
    for i in range(n):
        work[1, i] = _to_cube(work[1, i])
    for c in range(3 if colors.shape[1] > 2 else 1):
        m0, m1, m2 = m[c, 0], m[c, 1], m[c, 2]
        for i in range(n):
            lab[c, i] = _to_encoded(m0 * work[0, i] + m1 * work[1, i] + m2 * work[2, i])
        for i in range(n):
            colors[i, c] = lab[c, i]


@compiled(fastmath=True, error_model="numpy")
def limit_chroma(colors, to_white, from_white, limits, work, lab):
    """See :func:`nct_core.pixels.lab.limit_chroma`.

    Args:
        colors: float32 [n, 3 or more], sRGB-encoded, the colors before the transfer.
        to_white, from_white: float32 [3, 3], from linear sRGB to XYZ over the white, and back.
        limits: the share of the excess to remove and the margin, float32, and the number of halvings in the search.
        work: float32 [3, n or more], for intermediate values.
        lab: float32 [3, n or more], the colors, changed in place.
    """
    n = len(colors)
    for i in range(n):
        red, green, blue = _linear(lab[0, i], lab[1, i], lab[2, i], from_white, _F(1.0))
        work[0, i] = max(-min(red, min(green, blue)), max(red, max(green, blue)) - _F(1.0))
    for i in range(n):  # few pixels need this, so the loops above have no branches
        if work[0, i] > _F(0.0):
            red, green, blue = _to_linear(colors[i, 0]), _to_linear(colors[i, 1]), _to_linear(colors[i, 2])
            low, high = min(min(red, green), min(blue, _F(0.0))), max(max(red, green), max(blue, _F(1.0)))
            a, b = _limited(lab[0, i], lab[1, i], lab[2, i], low, high, to_white, from_white, limits)
            lab[1, i] += limits[0] * (a - lab[1, i])
            lab[2, i] += limits[0] * (b - lab[2, i])


@compiled(fastmath=True, error_model="numpy")
def _limited(lightness, a, b, low, high, to_white, from_white, limits):
    """a and b of the color with as much chroma as lies between these limits of linear sRGB."""
    _, margin, steps = limits
    least, most = _F(0.0), _F(1.0)
    if _holds(low, margin * high, _linear(lightness, a, b, from_white, most)):
        least = most
    else:
        for _ in range(steps):
            middle = (least + most) * _F(0.5)
            if _holds(low, margin * high, _linear(lightness, a, b, from_white, middle)):
                least = middle
            else:
                most = middle
    red, green, blue = _linear(lightness, a, b, from_white, least)
    a, b = _NEUTRAL + least * (a - _NEUTRAL), _NEUTRAL + least * (b - _NEUTRAL)
    brightest = max(red, max(green, blue))
    if brightest > high:
        f = (lightness + _F(0.16)) * _F(1 / 1.16)
        gray = _to_cube(f)
        mix = min(max((high - gray) / (brightest - gray), _F(0.0)), _F(1.0))
        red, green, blue = gray + mix * (red - gray), gray + mix * (green - gray), gray + mix * (blue - gray)
        x = to_white[0, 0] * red + to_white[0, 1] * green + to_white[0, 2] * blue
        z = to_white[2, 0] * red + to_white[2, 1] * green + to_white[2, 2] * blue
        a, b = (_F(500.0) * (_to_root(x) - f) + _F(128.0)) * _F(1 / 255), (_F(200.0) * (f - _to_root(z)) + _F(128.0)) * _F(1 / 255)
    return a, b


@compiled(fastmath=True, error_model="numpy")
def _holds(low, high, color):
    return min(color[0], min(color[1], color[2])) >= low and max(color[0], max(color[1], color[2])) <= high


@compiled(fastmath=True, error_model="numpy")
def _linear(lightness, a, b, m, scale):
    """Linear sRGB of a color with its chroma scaled."""
    f = (lightness + _F(0.16)) * _F(1 / 1.16)
    x, y, z = _to_cube(f + scale * (a * _F(0.51) - _F(0.256))), _to_cube(f), _to_cube(f - scale * (b * _F(1.275) - _F(0.64)))
    return m[0, 0] * x + m[0, 1] * y + m[0, 2] * z, m[1, 0] * x + m[1, 1] * y + m[1, 2] * z, m[2, 0] * x + m[2, 1] * y + m[2, 2] * z


def convert(colors: np.ndarray, matrix: np.ndarray, *, lab: bool) -> np.ndarray:
    """Float32 [n, 3] from sRGB to scaled Lab, or back."""
    out = np.empty_like(colors)
    chunks = -(-len(colors) // _CHUNK)  # whole blocks: how pixels are grouped does not depend on the number of threads
    threads.over_rows(_srgb_to_lab if lab else _lab_to_srgb, chunks, colors, matrix.astype(np.float32), out, grain=_GRAIN_CHUNKS)
    return out


@compiled(fastmath=True, error_model="numpy")
def _srgb_to_lab(first, last, colors, matrix, out):
    work, lab = np.empty((3, _CHUNK), np.float32), np.empty((3, _CHUNK), np.float32)
    for start in range(first * _CHUNK, min(last * _CHUNK, len(colors)), _CHUNK):
        end = min(start + _CHUNK, len(colors))
        to_lab(colors[start:end], matrix, work, lab)
        for c in range(3):
            for i in range(end - start):
                out[start + i, c] = lab[c, i]


@compiled(fastmath=True, error_model="numpy")
def _lab_to_srgb(first, last, colors, matrix, out):
    work, lab = np.empty((3, _CHUNK), np.float32), np.empty((3, _CHUNK), np.float32)
    for start in range(first * _CHUNK, min(last * _CHUNK, len(colors)), _CHUNK):
        end = min(start + _CHUNK, len(colors))
        for c in range(3):
            for i in range(end - start):
                lab[c, i] = colors[start + i, c]
        to_srgb(lab, matrix, work, out[start:end])
