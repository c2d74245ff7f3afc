"""The application of :class:`nct_core.transform.apply.ColorTransform` compiled for the CPU: one pass over the image, a few rows of memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pixels.lab import GAMUT_MARGIN, GAMUT_STEPS, RGB_TO_WHITE, WHITE_TO_RGB
from ..pixels.lab_cpu import NEUTRAL, limit_chroma, to_lab, to_srgb
from ..runtime import threads
from ..runtime.compiled import compiled
from ..runtime.progress import Advance

_F = np.float32
_NEUTRAL = _F(NEUTRAL)
_GRAIN_PIXELS = 1 << 14


def recolor(
    image: NDArray[np.float32],
    fields: NDArray[np.float32],
    rows: tuple[NDArray[np.int32], NDArray[np.float32]],
    columns: tuple[NDArray[np.int32], NDArray[np.float32]],
    strength: float,
    keep_lightness: float,
    out: NDArray[np.float32],
    advance: Advance,
) -> None:
    """Recolors an image.

    Args:
        image: float32 [H, W, C], sRGB-encoded.
        fields: float32 [h, n, w]: n = 6 coefficients, or n = 12: their regressions on lightness.
        rows: for each of the H rows the field's row above or on it, int32, and the share of the one below, float32.
        columns: likewise for the W columns.
        strength: 1 is the full transform.
        keep_lightness: 1 keeps the image's own lightness.
        out: float32 [H, W, C], filled in; may be ``image`` itself.
        advance: called after every band of rows.
    """
    matrices = RGB_TO_WHITE.astype(np.float32), WHITE_TO_RGB.astype(np.float32)
    shares = _F(strength), _F(strength * (1.0 - keep_lightness)), _F(keep_lightness)
    pictures = (image, fields, *rows, *columns, *shares, *matrices, out)
    grain = max(1, _GRAIN_PIXELS // image.shape[1])
    threads.over_rows(_recolor, len(image), *pictures, grain=grain, advance=advance, bands_per_thread=threads.BANDS_OF_PICTURES)


@compiled(fastmath=True, error_model="numpy")
def _recolor(first, last, image, fields, above, row_share, left, column_share, strength, lightness_strength, keep_lightness, to_white, from_white, out):
    _, width, channels = image.shape
    height_low, count, width_low = fields.shape
    work, lab, moved = np.empty((3, width), np.float32), np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    line = np.empty((count, width_low + 1), np.float32)
    slope, shift = np.empty(width, np.float32), np.empty(width, np.float32)
    gray = channels < 3
    for row in range(first, last):
        to_lab(image[row], to_white, work, lab)
        i, share = above[row], row_share[row]
        below = min(i + 1, height_low - 1)
        for c in range(count):
            for k in range(width_low):
                line[c, k] = fields[i, c, k] + share * (fields[below, c, k] - fields[i, c, k])
            line[c, width_low] = line[c, width_low - 1]
        for c in range(1 if gray else 3):
            _coefficient(line, 2 * c, lab, left, column_share, slope)
            _coefficient(line, 2 * c + 1, lab, left, column_share, shift)
            moves = strength if c > 0 else lightness_strength
            for k in range(width):
                target = min(max(slope[k] * lab[c, k] + shift[k], _F(0.0)), _F(1.0))
                moved[c, k] = lab[c, k] + moves * (target - lab[c, k])
        if gray:
            for c in range(1, 3):
                for k in range(width):
                    moved[c, k] = _NEUTRAL
        elif keep_lightness > _F(0.0):
            limit_chroma(image[row], to_white, from_white, (keep_lightness, _F(GAMUT_MARGIN), GAMUT_STEPS), work, moved)
        to_srgb(moved, from_white, work, out[row])
        if channels == 2 or channels == 4:
            for k in range(width):
                if image[row, k, channels - 1] <= _F(0.0):
                    for c in range(channels - 1):
                        out[row, k, c] = image[row, k, c]
                out[row, k, channels - 1] = image[row, k, channels - 1]


@compiled(fastmath=True, error_model="numpy")
def _coefficient(line, c, lab, left, share, values):
    """A coefficient at every pixel of a row."""
    for k in range(len(values)):
        values[k] = line[c, left[k]] + share[k] * (line[c, left[k] + 1] - line[c, left[k]])
    if line.shape[0] == 12:
        for k in range(len(values)):
            values[k] *= lab[0, k]
        for k in range(len(values)):
            values[k] += line[c + 6, left[k]] + share[k] * (line[c + 6, left[k] + 1] - line[c + 6, left[k]])
