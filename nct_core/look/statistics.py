"""A picture's colors as a fixed number of figures: what the learned prior of looks reads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from ..pixels.lab import srgb_to_lab

SIDE = 192
"""Statistics are taken from a picture whose longer side is at most this, in pixels: what is finer is noise and texture."""
SAMPLES = 4096
"""At most so many of its pixels are looked at."""
CELLS = 6
"""Cells per channel of the joint histogram."""
_QUANTILES = np.array([0.001, 0.01, 0.03, 0.07, 0.15, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.93, 0.97, 0.99, 0.999])
_RANKS = (0.0, 0.01, 0.04, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.96, 0.99, 1.0)  # of lightness, from black to white
_TIERS = np.linspace(0.0, 100.0, 7)  # of lightness: centers of triangular windows
_HUES = np.arange(12) * (2.0 * np.pi / 12.0)
_NEUTRAL_CHROMA = 8.0  # a color of this chroma counts half as evidence of a cast


def sample_pixels(image: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Picks the pixels of a reduced picture that the statistics are taken from.

    Args:
        image: float [H, W, 3], sRGB in [0, 1]; values outside are clipped.
        valid: bool [H, W], the pixels that count, at least one of them; None: all.

    Returns:
        float64 [N, 3], sRGB in [0, 1], with N at most ``SAMPLES``. The same picture gives the same pixels.

    Example:
        >>> sample_pixels(np.full((400, 600, 3), 0.5, np.float32)).shape
        (3750, 3)
    """
    step = max(1, max(image.shape[:2]) // (2 * SIDE))  # two or three pixels each way stand for a block
    coarse, counts = image[::step, ::step], None if valid is None else valid[::step, ::step]
    height, width = coarse.shape[:2]
    block = -(-max(height, width) // SIDE)
    block_rows, block_columns = min(block, height), min(block, width)
    rows, columns = height // block_rows, width // block_columns
    blocks = coarse[: rows * block_rows, : columns * block_columns].reshape(rows, block_rows, columns, block_columns, 3)
    pixels = np.clip(blocks.mean((1, 3), dtype=np.float64), 0.0, 1.0).reshape(-1, 3)
    if counts is not None and valid is not None:
        whole = counts[: rows * block_rows, : columns * block_columns].reshape(rows, block_rows, columns, block_columns).all((1, 3)).ravel()
        pixels = pixels[whole] if whole.any() else np.clip(image[valid].astype(np.float64), 0.0, 1.0)
    stride = -(-len(pixels) // SAMPLES)
    return pixels[::stride]


def color_statistics(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Describes the colors of a picture: quantiles, clipping, casts by rank and by tier of lightness, chroma, hues and a joint histogram.

    Args:
        pixels: float64 [N, 3], sRGB in [0, 1], N at least 1; their order does not matter.

    Returns:
        float64 [459], each of the order of 1.

    Example:
        >>> color_statistics(np.full((10, 3), 0.5)).shape
        (459,)
    """
    lab = _lab(pixels)
    lab = lab[np.lexsort((lab[:, 2], lab[:, 1], lab[:, 0]))]  # from black to white
    lightness, chroma = lab[:, 0], np.sqrt(lab[:, 1] ** 2 + lab[:, 2] ** 2 + 1e-6)
    picks = np.round(_QUANTILES * (len(pixels) - 1)).astype(np.int64)
    parts = [
        lightness[picks] / 100.0,
        np.sort(pixels, 0)[picks].ravel(),
        (pixels < 2.0 / 255.0).mean(0),
        (pixels > 253.0 / 255.0).mean(0),
        _casts_by_rank(lab, chroma),
        _casts_by_tier(lab, chroma),
        np.sort(chroma)[picks] / 60.0,
        _hues(lab, chroma),
        np.sqrt(_joint_histogram(pixels) + 1e-6),
    ]
    return np.concatenate(parts)


def _lab(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* in its own units."""
    scaled = srgb_to_lab(torch.from_numpy(np.ascontiguousarray(pixels, np.float32))).numpy().astype(np.float64)
    return scaled * (100.0, 255.0, 255.0) - (0.0, 128.0, 128.0)


def _casts_by_rank(lab: NDArray[np.float64], chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    count, figures = len(lab), []
    for low, high in pairwise(_RANKS):
        first = min(int(low * count), count - 1)
        group = slice(first, max(int(high * count), first + 1))
        ab, c = lab[group, 1:], chroma[group]
        near_gray = 1.0 / (1.0 + (c / _NEUTRAL_CHROMA) ** 2)
        figures += [ab.mean(0) / 40.0, [c.mean() / 40.0], ab.std(0) / 30.0, (ab * near_gray[:, None]).sum(0) / near_gray.sum() / 20.0]
    return np.concatenate(figures)


def _casts_by_tier(lab: NDArray[np.float64], chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    count, ab, figures = len(lab), lab[:, 1:], []

    def trust(weight: float) -> float:
        return weight / (weight + 0.01 * count)  # a tier that hardly occurs says little

    for center in _TIERS:
        weights = np.maximum(1.0 - np.abs(lab[:, 0] - center) / _TIERS[1], 0.0)
        near_gray = weights / (1.0 + (chroma / _NEUTRAL_CHROMA) ** 2)
        total, gray = weights.sum(), near_gray.sum()
        figures += [
            [np.sqrt(total / count)],
            (ab * weights[:, None]).sum(0) / (total + 1e-3) * trust(total) / 40.0,
            (ab * near_gray[:, None]).sum(0) / (gray + 1e-3) * trust(gray) / 20.0,
            [(chroma * weights).sum() / (total + 1e-3) * trust(total) / 40.0],
        ]
    return np.concatenate(figures)


def _hues(lab: NDArray[np.float64], chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    near = np.maximum(np.cos(np.arctan2(lab[:, 2], lab[:, 1])[:, None] - _HUES), 0.0) ** 6  # [N, hue]
    sure = near * (chroma / (chroma + 10.0))[:, None]
    few = 0.01 * len(lab)
    return np.concatenate(
        [
            np.sqrt(sure.mean(0) + 1e-6),
            (near * chroma[:, None]).sum(0) / (near.sum(0) + few) / 40.0,
            (sure * lab[:, :1]).sum(0) / (sure.sum(0) + few) / 100.0,
        ]
    )


def _joint_histogram(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of ``CELLS``^3 colors; a pixel is split over the eight around it."""
    position = np.clip(pixels, 0.0, 1.0) * (CELLS - 1)
    low = np.minimum(position.astype(np.int64), CELLS - 2)
    share = position - low
    histogram = np.zeros(CELLS**3)
    for corner in np.ndindex(2, 2, 2):
        weights = np.where(corner, share, 1.0 - share).prod(1)
        cells = ((low + corner) * (CELLS * CELLS, CELLS, 1)).sum(1)
        histogram += np.bincount(cells, weights, CELLS**3)
    return histogram / len(pixels)
