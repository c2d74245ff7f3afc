"""PatchMatch compiled for the CPU; see :mod:`nct_core.matching.patchmatch` for the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit

from ...features.fixed_point import PATCH_COUNTS
from ...features.fixed_point_cpu import in_blocks
from ...runtime import threads
from ...runtime.compiled import compiled
from ...runtime.progress import Advance, part, unwatched
from ..field import Field
from .dot_cpu import patch_dot, row_dot
from .problem import Problem

_BYTES = 2  # of a number
_CACHE_BYTES = 3 << 17  # of a core's own cache, for the rows of both pictures that a strip of columns needs
_ROWS_IN_CACHE, _COLUMNS_BESIDE = 20, 18


def patchmatch(problem: Problem, advance: Advance = unwatched) -> Field:
    """See :func:`nct_core.matching.patchmatch.patchmatch`."""
    height, width = problem.start.shape[:2]
    pictures = tuple(in_blocks(x) for x in (problem.features, problem.target_features))
    channels = pictures[0].shape[2]
    a, b = (picture.ctypes.data for picture in pictures)  # addresses; the arrays live until this function ends
    strip = max(16, _CACHE_BYTES // (2 * channels * _ROWS_IN_CACHE) - _COLUMNS_BESIDE)
    start, valid = problem.start.contiguous().numpy(), problem.target_valid.contiguous().numpy()
    field, other = start.copy(), np.empty_like(start)
    score = np.empty((height, width), np.int32)
    changed = np.full_like(score, -1)
    iterations, rounds = problem.iterations, len(problem.jumps) + 1
    allowed = (valid, start, problem.resistance.contiguous().numpy(), problem.reach)

    def round_of(kernel: Callable[..., None], now: int, *arguments: Any) -> None:
        after = part(advance, now / (iterations * rounds), (now + 1) / (iterations * rounds))
        threads.over_rows(kernel, height, a, b, channels, strip, *allowed, *arguments, now, grain=1, advance=after)

    threads.over_rows(_score_all, height, a, b, channels, *valid.shape, field, score, grain=1, advance=part(advance, 0.0, 0.0))
    for iteration in range(iterations):
        for number, jump in enumerate(problem.jumps):
            now = iteration * rounds + number
            round_of(_propagate, now, field, other, score, changed, jump, now - rounds if iteration else -1)
            field, other = other, field
        now = iteration * rounds + len(problem.jumps)
        round_of(_random_search, now, field, score, changed, np.array(problem.radii, np.int64), iteration, problem.seed)
    return torch.from_numpy(field)


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


@njit
def _below(number, limit):
    """A 32-bit number modulo another: the processor divides short numbers faster."""
    return np.int64(np.uint32(number) % np.uint32(limit))


@njit
def _similarity(a, b, channels, height, width, to_height, to_width, row, col, to_row, to_col):
    """36 times the mean dot product of the two patches, over the positions that lie inside both grids."""
    if 0 < row < height - 1 and 0 < col < width - 1 and 0 < to_row < to_height - 1 and 0 < to_col < to_width - 1:
        here, there = ((row - 1) * width + col - 1) * channels, ((to_row - 1) * to_width + to_col - 1) * channels
        return patch_dot(a + _BYTES * here, width * channels, b + _BYTES * there, to_width * channels, 3 * channels) * (PATCH_COUNTS // 9)
    up, down = -min(1, row, to_row), min(1, height - 1 - row, to_height - 1 - to_row)
    left, right = -min(1, col, to_col), min(1, width - 1 - col, to_width - 1 - to_col)
    columns = right - left + 1
    total = np.int64(0)
    for i in range(up, down + 1):
        here, there = ((row + i) * width + col + left) * channels, ((to_row + i) * to_width + to_col + left) * channels
        total += row_dot(a + _BYTES * here, 0, b + _BYTES * there, 0, columns * channels)
    return total * PATCH_COUNTS // ((down - up + 1) * columns)


@njit
def _allowed(valid, start, reach, row, col, to_row, to_col):
    """Whether a match is a valid position of the target, within reach of its start."""
    if to_row < 0 or to_row >= valid.shape[0] or to_col < 0 or to_col >= valid.shape[1] or not valid[to_row, to_col]:
        return False
    return abs(to_row - start[row, col, 0]) <= reach and abs(to_col - start[row, col, 1]) <= reach


@njit
def _cost(start, resistance, row, col, to_row, to_col):
    """The cost of a match's distance from its start."""
    return np.int64(resistance[row, col]) * (abs(to_row - start[row, col, 0]) + abs(to_col - start[row, col, 1]))


@compiled()
def _score_all(first, last, a, b, channels, to_height, to_width, field, score):
    height, width = score.shape
    for row in range(first, last):
        for col in range(width):
            score[row, col] = _similarity(a, b, channels, height, width, to_height, to_width, row, col, field[row, col, 0], field[row, col, 1])


@compiled()
def _propagate(first, last, a, b, channels, strip, valid, start, resistance, reach, field, out, score, changed, jump, before, now):
    """Tries the matches of the four neighbors ``jump`` cells away, shifted back; reads ``field``, writes ``out``.

    What a neighbor suggested when this jump was last tried, in round ``before``, was refused then and is not tried again.
    """
    height, width = score.shape
    to_height, to_width = valid.shape
    for left_edge in range(0, width, strip):
        for row in range(first, last):
            for col in range(left_edge, min(left_edge + strip, width)):
                best_row, best_col, best = field[row, col, 0], field[row, col, 1], np.int64(score[row, col])
                known = best
                for side in range(4):
                    di = jump * ((side == 2) * -1 + (side == 3))
                    dj = jump * ((side == 0) * -1 + (side == 1))
                    i, j = row + di, col + dj
                    if 0 <= i < height and 0 <= j < width and (before < 0 or changed[i, j] >= before):
                        to_row, to_col = field[i, j, 0] - di, field[i, j, 1] - dj
                        if to_row == best_row and to_col == best_col:
                            continue
                        if _allowed(valid, start, reach, row, col, to_row, to_col):
                            cost = _cost(start, resistance, row, col, to_row, to_col)
                            found = _similarity(a, b, channels, height, width, to_height, to_width, row, col, to_row, to_col) - cost
                            if found > best:
                                best_row, best_col, best = to_row, to_col, found
                out[row, col, 0], out[row, col, 1] = best_row, best_col
                if best > known:
                    score[row, col] = best
                    changed[row, col] = now


@compiled()
def _random_search(first, last, a, b, channels, strip, valid, start, resistance, reach, field, score, changed, radii, iteration, seed, now):
    height, width = score.shape
    to_height, to_width = valid.shape
    for left_edge in range(0, width, strip):
        for row in range(first, last):
            for col in range(left_edge, min(left_edge + strip, width)):
                best_row, best_col, best = field[row, col, 0], field[row, col, 1], np.int64(score[row, col])
                known = best
                position = row * width + col
                for trial in range(radii.shape[0]):
                    radius = radii[trial]
                    top, bottom = max(best_row - radius, 0), min(best_row + radius, to_height - 1)
                    left, right = max(best_col - radius, 0), min(best_col + radius, to_width - 1)
                    to_row = top + _below(hash_u32(seed, iteration, 2 * trial, position), bottom - top + 1)
                    to_col = left + _below(hash_u32(seed, iteration, 2 * trial + 1, position), right - left + 1)
                    if not (to_row == best_row and to_col == best_col) and _allowed(valid, start, reach, row, col, to_row, to_col):
                        cost = _cost(start, resistance, row, col, to_row, to_col)
                        found = _similarity(a, b, channels, height, width, to_height, to_width, row, col, to_row, to_col) - cost
                        if found > best:
                            best_row, best_col, best = to_row, to_col, found
                if best > known:
                    field[row, col, 0], field[row, col, 1], score[row, col] = best_row, best_col, best
                    changed[row, col] = now
