"""A transfer as one table of colors for other programs: what is local in it is averaged, colors that the picture does not have get the look (ours).

The table ``t`` on a cube of colors minimizes::

    sum_i w_i |t(x_i) - y_i|^2 + smoothness sum |second differences of (t - look)|^2 + pull sum |t - look|^2

over the picture's colors ``x_i`` and results ``y_i``, all sRGB, where ``t(x)`` is trilinear and the weights ``w_i`` let rare colors count. Then its
lightness is made to rise wherever red, green and blue rise together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import cg

from ..look.table import identity_table, interpolate, rising_lightness, to_lab, to_srgb
from ..pixels.check import color_channels
from ..pixels.difference import ciede2000

_SAMPLES = 60_000
_RARE = 30.0  # pixels of one cell that together count as much as half of any number
_SMOOTHNESS, _PULL = 0.03, 1e-3
_TOLERANCE, _STEPS = 1e-3, 40  # of the solver


@dataclass(frozen=True)
class ColorTable:
    """A table of colors, and how far it is from the transfer that it stands for.

    Attributes:
        values: float32 [n, n, n, 3], sRGB in [0, 1] by sRGB; indices are red, green, blue, equally spaced from 0 to 1.
        mean: mean CIEDE2000 between the picture by this table and the transfer's result.
        percentile95: the difference that 95 % of its pixels do not exceed.
    """

    values: NDArray[np.float32]
    mean: float
    percentile95: float

    def apply(self, colors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Looks colors up, float32 [..., 3], trilinear; those outside [0, 1] are clipped."""
        return interpolate(self.values, np.clip(colors, 0.0, 1.0).reshape(-1, 3)).reshape(colors.shape)


def fit_table(source: NDArray[np.float32], result: NDArray[np.float32], look: NDArray[np.float32]) -> ColorTable:
    """Fits a table to a whole transfer.

    Args:
        source: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.
        result: the same of its size, recolored.
        look: float32 [n, n, n, 3], sRGB: what colors that the source does not have become.

    Returns:
        A table of the look's size: smooth, in [0, 1], its lightness rising wherever red, green and blue rise together.

    Example:
        >>> source = np.random.default_rng(0).random((60, 80, 3), np.float32)
        >>> table = fit_table(source, 0.2 + 0.5 * source, identity_table(17))
        >>> table.mean < 0.5
        True
    """
    before, after = _sample(source, result)
    lines: NDArray[np.float32] = look
    side = len(look)
    for size in (*(size for size in (9, 17, 33) if size < side), side):  # the coarser ones give a start to the finer
        base = look if size == side else _resized(look, size)
        lines = _solve(before[::2], after[::2], base, _resized(lines - _resized(look, len(lines)), size))
    lab = to_lab(np.clip(lines, 0.0, 1.0))
    lab[..., 0] = rising_lightness(lab[..., 0])
    values = to_srgb(lab)
    errors = ciede2000(to_lab(interpolate(values, before)), to_lab(after))
    return ColorTable(values, float(errors.mean()), float(np.quantile(errors, 0.95)))


def _sample(source: NDArray[np.float32], result: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colors before and after, [N, 3] in [0, 1], evenly from all over the picture, without what is fully transparent."""
    channels = source.shape[2]
    colors = color_channels(channels)
    seen = np.flatnonzero(source[..., -1] > 0) if colors < channels else np.arange(source.shape[0] * source.shape[1])
    chosen = seen[np.linspace(0, len(seen) - 1, min(len(seen), _SAMPLES)).astype(np.intp)]
    chosen = np.random.default_rng(0).permutation(chosen)
    before, after = (image.reshape(-1, channels)[chosen, :colors] for image in (source, result))
    return tuple(np.broadcast_to(x, (len(x), 3)).clip(0.0, 1.0).astype(np.float32) for x in (before, after))  # type: ignore[return-value]


def _solve(before: NDArray[np.float32], after: NDArray[np.float32], look: NDArray[np.float32], start: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table of the look's size, from a start for its difference to the look."""
    side = len(look)
    reads = _reading(before, side)
    cells = np.rint(before * (side - 1)).astype(np.intp) @ np.array([side * side, side, 1])
    counts = np.bincount(cells, minlength=side**3)
    weighted = reads.T @ diags_array(1.0 / (counts[cells] + _RARE * len(before) / _SAMPLES))
    scale = (side - 1) / 32.0  # a table of more points bends as much over the same way
    matrix = (weighted @ reads + _SMOOTHNESS * scale * _bending(side) + _PULL / scale**3 * eye_array(side**3)).tocsr()
    jacobi = diags_array(1.0 / matrix.diagonal())
    wanted = weighted @ (after - interpolate(look, before)).astype(np.float64)
    found = [cg(matrix, wanted[:, channel], x0=start[..., channel].ravel(), rtol=_TOLERANCE, maxiter=_STEPS, M=jacobi)[0] for channel in range(3)]
    return look + np.stack(found, -1).reshape(look.shape).astype(np.float32)


def _reading(colors: NDArray[np.float32], side: int) -> csr_array:
    """The matrix [N, side^3] that reads a table at colors."""
    place = colors.astype(np.float64) * (side - 1)
    low = np.minimum(place.astype(np.intp), side - 2)
    share = place - low
    columns, values = [], []
    for corner in np.ndindex(2, 2, 2):
        at = low + corner
        columns.append((at[:, 0] * side + at[:, 1]) * side + at[:, 2])
        values.append(np.where(corner, share, 1.0 - share).prod(1))
    rows = np.arange(len(colors))
    return csr_array((np.stack(values, 1).ravel(), (np.repeat(rows, 8), np.stack(columns, 1).ravel())), shape=(len(colors), side**3))


def _bending(side: int) -> csr_array:
    """The sum of squared second differences along the axes and of mixed ones, as a matrix [side^3, side^3]."""
    one, first = eye_array(side), diags_array([-np.ones(side - 1), np.ones(side - 1)], offsets=[0, 1], shape=(side - 1, side))
    second = diags_array([np.ones(side - 2), -2.0 * np.ones(side - 2), np.ones(side - 2)], offsets=[0, 1, 2], shape=(side - 2, side))
    slope, bend = first.T @ first, second.T @ second
    terms = [(bend, one, one), (one, bend, one), (one, one, bend)]
    mixed = [(slope, slope, one), (slope, one, slope), (one, slope, slope)]
    return sum(kron(kron(a, b), c) for a, b, c in terms) + 2.0 * sum(kron(kron(a, b), c) for a, b, c in mixed)


def _resized(table: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return interpolate(table, identity_table(side).reshape(-1, 3)).reshape(side, side, side, 3)
