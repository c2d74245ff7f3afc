"""PatchMatch compiled for the CPU; see :mod:`nct_core.patchmatch` for the contract."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from . import threads
from .nnf import Field

_REJECTED = np.float32(-2.0)


def patchmatch(
    features: torch.Tensor,
    target_features: torch.Tensor,
    start: Field,
    target_valid: NDArray[np.bool_],
    *,
    jumps: tuple[int, ...],
    radii: tuple[int, ...],
    iterations: int,
    seed: int,
) -> Field:
    """See :func:`nct_core.patchmatch.patchmatch`."""
    a, b = features.contiguous().numpy(), target_features.contiguous().numpy()
    field, other = start.copy(), np.empty_like(start)
    score = np.empty(features.shape[:2], np.float32)
    rows = score.shape[0]
    threads.over_rows(_score_all, rows, a, b, field, score, grain=1)
    for iteration in range(iterations):
        for jump in jumps:
            threads.over_rows(_propagate, rows, a, b, target_valid, field, other, score, jump, grain=1)
            field, other = other, field
        threads.over_rows(_random_search, rows, a, b, target_valid, field, score, np.array(radii, np.int64), iteration, seed, grain=1)
    return field


@njit(inline="always")
def hash_u32(seed, iteration, trial, position):
    """A 32-bit counter-based random number: the finaliser of MurmurHash3 over the mixed counters, as int64."""
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(position) * np.uint64(0x9E3779B1) + np.uint64(seed)) & mask
    x ^= (np.uint64(iteration) * np.uint64(0x85EBCA77) + np.uint64(trial) * np.uint64(0xC2B2AE3D)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & mask
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & mask
    x ^= x >> np.uint64(16)
    return np.int64(x)


@njit(inline="always")
def _dot(a, b, i, j, k, m):
    total = np.float32(0.0)
    for c in range(a.shape[2]):
        total += a[i, j, c] * b[k, m, c]
    return total


@njit(fastmath=True)
def _similarity(a, b, row, col, to_row, to_col, best):
    """Mean dot product of the two patches, or _REJECTED as soon as it can no longer exceed ``best``."""
    height, width = a.shape[0], a.shape[1]
    to_height, to_width = b.shape[0], b.shape[1]
    up, down = -min(1, row, to_row), min(1, height - 1 - row, to_height - 1 - to_row)
    left, right = -min(1, col, to_col), min(1, width - 1 - col, to_width - 1 - to_col)
    count = (down - up + 1) * (right - left + 1)
    # Dot products of unit vectors are at most 1, so what is still missing can only make up this much.
    needed = best * count
    remaining = np.float32(count) + np.float32(1e-4)
    total = np.float32(0.0)
    for i in range(up, down + 1):
        for j in range(left, right + 1):
            total += _dot(a, b, row + i, col + j, to_row + i, to_col + j)
            remaining -= np.float32(1.0)
        if total + remaining <= needed:
            return _REJECTED
    return total / np.float32(count)


@njit(nogil=True, cache=True)
def _score_all(first, last, a, b, field, score):
    for row in range(first, last):
        for col in range(score.shape[1]):
            score[row, col] = _similarity(a, b, row, col, field[row, col, 0], field[row, col, 1], _REJECTED)


@njit(nogil=True, cache=True)
def _propagate(first, last, a, b, valid, field, out, score, jump):
    """Tries the matches of the four neighbours ``jump`` cells away, shifted back; reads ``field``, writes ``out``."""
    height, width = score.shape
    to_height, to_width = valid.shape
    for row in range(first, last):
        for col in range(width):
            best_row, best_col, best = field[row, col, 0], field[row, col, 1], score[row, col]
            for side in range(4):
                di = jump * ((side == 2) * -1 + (side == 3))
                dj = jump * ((side == 0) * -1 + (side == 1))
                i, j = row + di, col + dj
                if 0 <= i < height and 0 <= j < width:
                    to_row, to_col = field[i, j, 0] - di, field[i, j, 1] - dj
                    if to_row == best_row and to_col == best_col:
                        continue
                    if 0 <= to_row < to_height and 0 <= to_col < to_width and valid[to_row, to_col]:
                        found = _similarity(a, b, row, col, to_row, to_col, best)
                        if found > best:
                            best_row, best_col, best = to_row, to_col, found
            out[row, col, 0], out[row, col, 1], score[row, col] = best_row, best_col, best


@njit(nogil=True, cache=True)
def _random_search(first, last, a, b, valid, field, score, radii, iteration, seed):
    width = score.shape[1]
    to_height, to_width = valid.shape
    for row in range(first, last):
        for col in range(width):
            best_row, best_col, best = field[row, col, 0], field[row, col, 1], score[row, col]
            position = row * width + col
            for trial in range(radii.shape[0]):
                radius = radii[trial]
                top, bottom = max(best_row - radius, 0), min(best_row + radius, to_height - 1)
                left, right = max(best_col - radius, 0), min(best_col + radius, to_width - 1)
                to_row = top + hash_u32(seed, iteration, 2 * trial, position) % (bottom - top + 1)
                to_col = left + hash_u32(seed, iteration, 2 * trial + 1, position) % (right - left + 1)
                if valid[to_row, to_col] and not (to_row == best_row and to_col == best_col):
                    found = _similarity(a, b, row, col, to_row, to_col, best)
                    if found > best:
                        best_row, best_col, best = to_row, to_col, found
            field[row, col, 0], field[row, col, 1], score[row, col] = best_row, best_col, best
