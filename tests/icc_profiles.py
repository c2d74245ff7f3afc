"""Small ICC profiles for the tests, written from primaries and curves (standard library only)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

D50 = (0.9642, 1.0, 0.8249)
D65_XY = (0.3127, 0.3290)
D50_XY = (0.3457, 0.3585)
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
PROPHOTO_PRIMARIES = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

Matrix = Sequence[Sequence[float]]


def gamma_curve(gamma: float) -> bytes:
    return struct.pack(">4sIIH2x", b"curv", 0, 1, round(gamma * 256))


def table_curve(samples: Sequence[float]) -> bytes:
    values = [round(65535 * sample) for sample in samples]
    tag = struct.pack(f">4sII{len(values)}H", b"curv", 0, len(values), *values)
    return tag + bytes(-len(tag) % 4)


def parametric_curve(kind: int, parameters: Sequence[float]) -> bytes:
    return struct.pack(f">4sIHH{len(parameters)}i", b"para", 0, kind, 0, *(round(65536 * value) for value in parameters))


def srgb_table(size: int = 1024) -> bytes:
    levels = [i / (size - 1) for i in range(size)]
    return table_curve([x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels])


def rgb(primaries: Sequence[tuple[float, float]], white: tuple[float, float], curve: bytes) -> bytes:
    """A display profile from xy chromaticities and one curve for all channels."""
    columns = _to_d50(primaries, white)
    tags = {b"rXYZ": _xyz(columns[0]), b"gXYZ": _xyz(columns[1]), b"bXYZ": _xyz(columns[2]), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"RGB ", tags)


def gray(curve: bytes) -> bytes:
    return _profile(b"GRAY", {b"kTRC": curve})


def srgb() -> bytes:
    return rgb(SRGB_PRIMARIES, D65_XY, parametric_curve(3, SRGB_PARAMETERS))


def linear_srgb() -> bytes:
    return rgb(SRGB_PRIMARIES, D65_XY, gamma_curve(1.0))


def adobe_rgb() -> bytes:
    return rgb(ADOBE_PRIMARIES, D65_XY, gamma_curve(563 / 256))


def display_p3() -> bytes:
    return rgb(P3_PRIMARIES, D65_XY, parametric_curve(3, SRGB_PARAMETERS))


def prophoto() -> bytes:
    return rgb(PROPHOTO_PRIMARIES, D50_XY, gamma_curve(1.8))


def lookup_tables(primaries: Sequence[tuple[float, float]], white: tuple[float, float], gamma: float = 2.0, matrix_gamma: float = 0.0) -> bytes:
    """The same kind of space as :func:`rgb` makes, as lookup tables in both directions (lut16Type); no primary may have a negative XYZ.

    With ``matrix_gamma`` it also has a matrix, with another curve.
    """
    columns = _to_d50(primaries, white)
    curve = [(i / 4095) ** gamma for i in range(4096)]
    inverse = [(i / 4095) ** (1 / gamma) for i in range(4096)]
    corners = [[drive >> 2 & 1, drive >> 1 & 1, drive & 1] for drive in range(8)]  # the first channel varies slowest
    xyz = [value * 32768 / 65535 for corner in corners for value in _apply(_transpose(columns), corner)]
    back = _transpose([_solve(_transpose(columns), [65535 / 32768 if i == j else 0 for i in range(3)]) for j in range(3)])
    identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    tags = {b"A2B0": _lut16(identity, curve, xyz, [0.0, 1.0]), b"B2A0": _lut16(back, [0.0, 1.0], [value for corner in corners for value in corner], inverse)}
    if matrix_gamma:
        other = gamma_curve(matrix_gamma)
        tags |= {b"rXYZ": _xyz(columns[0]), b"gXYZ": _xyz(columns[1]), b"bXYZ": _xyz(columns[2]), b"rTRC": other, b"gTRC": other, b"bTRC": other}
    return _profile(b"RGB ", tags)


def _lut16(matrix: Matrix, before: Sequence[float], grid: Sequence[float], after: Sequence[float]) -> bytes:
    """Three channels in and out: the matrix (for XYZ input), a curve, 2 x 2 x 2 grid points, a curve."""
    head = struct.pack(">4sI4B9i2H", b"mft2", 0, 3, 3, 2, 0, *(round(65536 * value) for row in matrix for value in row), len(before), len(after))
    values = [round(65535 * value) for value in [*before * 3, *grid, *after * 3]]
    return head + struct.pack(f">{len(values)}H", *values)


def _profile(space: bytes, own_tags: dict[bytes, bytes]) -> bytes:
    text = b"test profile\0"
    description = struct.pack(">4sII", b"desc", 0, len(text)) + text + bytes(78)
    tags = {b"desc": description, b"cprt": struct.pack(">4sI", b"text", 0) + b"public domain\0", b"wtpt": _xyz(D50), **own_tags}
    start = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    version = 0x04200000 if any(content[:4] == b"para" for content in tags.values()) else 0x02400000
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"test", version, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", *(round(65536 * value) for value in D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: Sequence[float]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(65536 * value) for value in values))


def _to_d50(primaries: Sequence[tuple[float, float]], white: tuple[float, float]) -> list[list[float]]:
    """The XYZ of each primary at full drive, adapted to D50."""
    columns = [_from_xy(*xy) for xy in primaries]
    white_xyz = _from_xy(*white)
    drive = _solve(_transpose(columns), white_xyz)
    cone_white, cone_d50 = _apply(BRADFORD, white_xyz), _apply(BRADFORD, D50)
    adapted = []
    for column, amount in zip(columns, drive):
        cones = _apply(BRADFORD, [amount * value for value in column])
        adapted.append(_solve(BRADFORD, [value * to / origin for value, to, origin in zip(cones, cone_d50, cone_white)]))
    return adapted


def _from_xy(x: float, y: float) -> list[float]:
    return [x / y, 1.0, (1 - x - y) / y]


def _transpose(matrix: Matrix) -> list[list[float]]:
    return [list(row) for row in zip(*matrix)]


def _apply(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def _solve(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    """Cramer's rule for three unknowns."""
    columns = _transpose(matrix)
    whole = _determinant(columns)
    return [_determinant([list(vector) if i == j else column for j, column in enumerate(columns)]) / whole for i in range(3)]


def _determinant(m: Matrix) -> float:
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )
