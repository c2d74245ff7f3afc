"""Estimates the look of a reference for a source that shows something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from .palette import palette_map
from .prior import predict_table
from .statistics import color_statistics, sample_pixels
from .table import SIDE, Look, identity_table, interpolate, rising_lightness, to_lab, to_srgb

_GRAY_CHROMA = (2.0, 6.0)  # below the first value a reference counts as gray, above the second as colored
_FLAT_RANGE = (4.0, 16.0)  # range of L: below the first value a reference has a single tone, above the second a full tone range
_TONES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)  # quantiles of L
_FURTHEST = 30.0  # the middle tones are not moved further than this
_STEEPEST = 3.0  # largest change of contrast that the ends cause


def estimate_look(source: NDArray[np.float32], reference: NDArray[np.float32], *, undo: float = 0.5, ends: float = 0.25, palette: float = 0.0) -> Look:
    """Estimates the grade of a reference, not the colors of its objects, as a smooth global transform for the source.

    A learned prior (ours; trained on looks put on photographs) predicts the table; the ends of the tone range are moved
    toward the reference's; then lightness is made to rise, and chroma is limited to what the two pictures have. A gray
    reference gives a gray look, a flat one little or nothing.

    Args:
        source: float32 [H, W, 3], sRGB in [0, 1].
        reference: float32 [H', W', 3], the same; any size.
        undo: 0 takes the source's colors as they are; 1 removes the look that the source seems to have.
        ends: how far the points of 1 % and 99 % of lightness go to the reference's, 0 to 1.
        palette: how far middle tones and the mean and spread of a and b go to the reference's, 0 to 1; larger for
            pictures that are more alike.

    Returns:
        The look. If source and reference are the same picture, it is the identity up to rounding.

    Example:
        >>> picture = np.random.default_rng(0).random((40, 60, 3), np.float32)
        >>> bool(np.abs(estimate_look(picture, picture).apply(picture) - picture).max() < 1e-3)
        True
    """
    source_pixels, reference_pixels = sample_pixels(source), sample_pixels(reference)
    return safe_look(predict_look(source_pixels, reference_pixels, undo), source_pixels, reference_pixels, ends=ends, palette=palette)


def predict_look(source_pixels: NDArray[np.float64], reference_pixels: NDArray[np.float64], undo: float = 0.5) -> NDArray[np.float32]:
    """The table that the learned prior predicts, float32 [17, 17, 17, 3], for pixels picked by :func:`nct_core.look.statistics.sample_pixels`."""
    return predict_table(color_statistics(reference_pixels), color_statistics(source_pixels), undo)


def safe_look(
    table: NDArray[np.float32], source_pixels: NDArray[np.float64], reference_pixels: NDArray[np.float64], *, ends: float, palette: float = 0.0
) -> Look:
    """Makes a predicted table safe to use: the last steps of :func:`estimate_look`, with the same arguments."""
    source_lab, reference_lab = to_lab(source_pixels), to_lab(reference_pixels)
    tones = np.quantile(reference_lab[:, 0], _TONES)
    colorful = _ramp(float(np.quantile(_chroma(reference_lab), 0.98)), *_GRAY_CHROMA)
    toned = _ramp(float(tones[-1] - tones[0]), *_FLAT_RANGE)
    lab = to_lab(np.clip(table, 0.0, 1.0))
    result = to_lab(np.clip(interpolate(table, source_pixels), 0.0, 1.0))
    present = np.quantile(result[:, 0], _TONES)
    lab[..., 0] = _move_tones(lab[..., 0], present, tones, max(ends, palette), palette)
    matrix, shift = palette_map(result, reference_lab)
    lab[..., 1:] += np.float32(palette) * (lab[..., 1:] @ matrix.T + shift - lab[..., 1:])
    lab[..., 0] = rising_lightness(lab[..., 0])
    lab[..., 1:] *= (colorful * _limit(lab, max(float(np.quantile(_chroma(x), 0.999)) for x in (source_lab, reference_lab))))[..., None]
    identity = identity_table()
    safe = identity + np.float32(toned) * (to_srgb(lab) - identity)
    return Look(safe.reshape(SIDE, SIDE, SIDE, 3), "flat" if toned < 1.0 else "gray" if colorful < 1.0 else "")


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _chroma(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hypot(lab[..., 1], lab[..., 2])


def _move_tones(lightness: NDArray[np.float32], present: NDArray[np.floating], wanted: NDArray[np.floating], ends: float, middle: float) -> NDArray[np.float32]:
    """Moves quantiles of lightness: the ends a share ``ends`` of the way to the wanted ones, those between with them and a share ``middle`` further."""
    low, high = (present + ends * (wanted - present))[[0, -1]]
    slope = np.clip((high - low) / max(present[-1] - present[0], 1.0), 1.0 / _STEEPEST, _STEEPEST)
    line = (low + high) / 2.0 + slope * (present - (present[0] + present[-1]) / 2.0)
    places, first = np.unique(np.concatenate([[-400.0], present, [400.0]]), return_index=True)
    moved = line + middle * np.clip(wanted - line, -_FURTHEST, _FURTHEST)
    outer = [moved[0] + slope * (-400.0 - present[0]), moved[-1] + slope * (400.0 - present[-1])]
    values = np.maximum.accumulate(np.concatenate([outer[:1], moved, outer[1:]])[first])
    return np.clip(PchipInterpolator(places, values)(lightness), 0.0, 100.0).astype(np.float32)


def _limit(lab: NDArray[np.float32], largest: float) -> NDArray[np.float32]:
    """The factor that brings chroma smoothly to little more than the largest that is allowed."""
    bound = 1.1 * largest + 4.0
    chroma = _chroma(lab) / bound
    knee = 0.92
    held = np.where(chroma > knee, knee + (1.0 - knee) * np.tanh((chroma - knee) / (1.0 - knee)), chroma)
    return (held / np.maximum(chroma, 1e-6)).astype(np.float32)
