"""PatchMatch in Triton kernels for CUDA devices; see :mod:`nct_core.matching.patchmatch` for the contract.

Every round is one kernel over all positions. A program works on a few neighboring positions and all channels of their patches: rows
of features are read whole, sums stay in registers, nothing is gathered in memory. Groups of positions that have nothing to try
read no features. Besides the features, a search takes 33 bytes per position of the field.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from ...features.fixed_point import PATCH_COUNTS
from ...runtime.progress import Advance, unwatched
from ..field import Field
from .problem import Problem

_BLOCK = 64  # channels read at a time: the network's layers have a whole number of these
_POSITIONS = 8
_WARPS = 1  # each program is one warp: no barriers in the sums over channels
_SIZES = ("height", "width", "to_height", "to_width")  # compiled once for pictures of every size
_COUNTS = tl.constexpr(PATCH_COUNTS)


def patchmatch(problem: Problem, advance: Advance = unwatched) -> Field:
    """See :func:`nct_core.matching.patchmatch.patchmatch`."""
    features, target_features, jumps, iterations = problem.features, problem.target_features, problem.jumps, problem.iterations
    (height, width, channels), (to_height, to_width, _) = features.shape, target_features.shape
    assert max(features.numel(), target_features.numel()) < 1 << 31, "kernels count in 32 bits"
    start = problem.start.contiguous()
    field, other = start.clone(), torch.empty_like(start)
    score = torch.empty(height, width, dtype=torch.int32, device=start.device)
    changed = torch.full_like(score, -1)
    radii_there = torch.tensor(problem.radii, dtype=torch.int32, device=start.device)
    grid = (triton.cdiv(height * width, _POSITIONS),)
    options = {"positions": _POSITIONS, "block": _BLOCK, "num_warps": _WARPS, "enable_fp_fusion": True}
    images = (features.contiguous(), target_features.contiguous(), channels, height, width, to_height, to_width)
    allowed = (problem.target_valid.contiguous().view(torch.uint8), start, problem.resistance.contiguous(), problem.reach)
    rounds = len(jumps) + 1
    with torch.cuda.device_of(start):
        _score_all[grid](*images, field, score, **options)
        for iteration in range(iterations):
            for number, jump in enumerate(jumps):
                now = iteration * rounds + number
                before = now - rounds if iteration else -1
                _propagate[grid](*images, *allowed, field, other, score, changed, jump, now, before, **options)
                field, other = other, field
            now = iteration * rounds + len(jumps)
            _random_search[grid](*images, *allowed, field, score, changed, radii_there, len(problem.radii), iteration, problem.seed, now, **options)
            advance((iteration + 1) / iterations)  # the work is queued on the device, which is not far behind
    return field


@triton.jit
def _hash_u32(seed, iteration, trial, position):
    """The same numbers as :func:`nct_core.matching.patchmatch.kernels_cpu.hash_u32`, as uint32."""
    x = position.to(tl.uint32) * 0x9E3779B1 + seed.to(tl.uint32)
    x ^= iteration.to(tl.uint32) * 0x85EBCA77 + trial.to(tl.uint32) * 0xC2B2AE3D
    x ^= x >> 16
    x *= 0x85EBCA6B
    x ^= x >> 13
    x *= 0xC2B2AE35
    return x ^ (x >> 16)


@triton.jit
def _similarity(
    a, b, channels, height, width, to_height, to_width, wanted, row, col, to_row, to_col,
    positions: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """36 times the mean dot product of two patches at every position of a group, int32; anything where not ``wanted``.

    The number of places that two patches share divides 36: 36 * sum / count is sum * (36 / count), which fits 32 bits.
    """
    above, below = (row > 0) & (to_row > 0), (row < height - 1) & (to_row < to_height - 1)
    before, after = (col > 0) & (to_col > 0), (col < width - 1) & (to_col < to_width - 1)
    count = (1 + above.to(tl.int32) + below.to(tl.int32)) * (1 + before.to(tl.int32) + after.to(tl.int32))
    total = tl.zeros([positions, block], tl.int32)
    for first in range(0, channels, block):
        channel = first + tl.arange(0, block)
        real = channel < channels
        for place in tl.static_range(9):  # unrolled: the reads of all places are on their way together
            inside = wanted
            if place < 3:
                inside &= above
            if place > 5:
                inside &= below
            if place % 3 == 0:
                inside &= before
            if place % 3 == 2:
                inside &= after
            here = (row + (place // 3 - 1)) * width + col + (place % 3 - 1)
            there = (to_row + (place // 3 - 1)) * to_width + to_col + (place % 3 - 1)
            mask = inside[:, None] & real[None, :]
            ours = tl.load(a + (here * channels)[:, None] + channel[None, :], mask=mask, other=0)
            theirs = tl.load(b + (there * channels)[:, None] + channel[None, :], mask=mask, other=0)
            total += ours.to(tl.int32) * theirs.to(tl.int32)
    return tl.sum(total, 1) * (_COUNTS // count)


@triton.jit
def _allowed(valid, to_height, to_width, reach, start_row, start_col, to_row, to_col, wanted):
    """Where a match is wanted, and is a valid position of the target within reach of its start."""
    wanted &= (to_row >= 0) & (to_row < to_height) & (to_col >= 0) & (to_col < to_width)
    wanted &= (tl.abs(to_row - start_row) <= reach) & (tl.abs(to_col - start_col) <= reach)
    return wanted & (tl.load(valid + to_row * to_width + to_col, mask=wanted, other=0) != 0)


@triton.jit
def _better(
    a, b, channels, height, width, to_height, to_width, wanted, row, col, to_row, to_col,
    start_row, start_col, per_cell, best_row, best_col, best, positions: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """The best match and its value after the wanted ones were tried; a group that wants none reads no features."""
    if tl.max(wanted.to(tl.int32), 0) > 0:
        found = _similarity(a, b, channels, height, width, to_height, to_width, wanted, row, col, to_row, to_col, positions, block)
        found -= per_cell * (tl.abs(to_row - start_row) + tl.abs(to_col - start_col))
        better = wanted & (found > best)
        best_row, best_col, best = tl.where(better, to_row, best_row), tl.where(better, to_col, best_col), tl.where(better, found, best)
    return best_row, best_col, best


@triton.jit(do_not_specialize=_SIZES)
def _score_all(
    a, b, channels, height, width, to_height, to_width, field, score,
    positions: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * positions + tl.arange(0, positions)
    own = at < height * width
    to_row, to_col = tl.load(field + 2 * at, mask=own, other=0), tl.load(field + 2 * at + 1, mask=own, other=0)
    found = _similarity(a, b, channels, height, width, to_height, to_width, own, at // width, at % width, to_row, to_col, positions, block)
    tl.store(score + at, found, mask=own)


@triton.jit(do_not_specialize=[*_SIZES, "reach", "jump", "now", "before"])
def _propagate(
    a, b, channels, height, width, to_height, to_width, valid, start, resistance, reach, field, out, score, changed, jump, now, before,
    positions: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Tries the matches of the four neighbors ``jump`` cells away, shifted back; reads ``field``, writes ``out``.

    What a neighbor suggested when this jump was last tried, in round ``before``, was refused then and is not tried again. A
    neighbor's mark may be of this very round: then the suggestion is tried, and refused, once more.
    """
    at = tl.program_id(0) * positions + tl.arange(0, positions)
    own = at < height * width
    row, col = at // width, at % width
    best_row, best_col = tl.load(field + 2 * at, mask=own, other=0), tl.load(field + 2 * at + 1, mask=own, other=0)
    start_row, start_col = tl.load(start + 2 * at, mask=own, other=0), tl.load(start + 2 * at + 1, mask=own, other=0)
    per_cell = tl.load(resistance + at, mask=own, other=0)
    known = tl.load(score + at, mask=own, other=0)
    best = known
    for side in range(4):
        step = jump * (2 * (side % 2) - 1)
        di, dj = step * (side // 2), step * (1 - side // 2)
        i, j = row + di, col + dj
        neighbor = i * width + j
        wanted = own & (i >= 0) & (i < height) & (j >= 0) & (j < width)
        wanted &= tl.load(changed + neighbor, mask=wanted, other=-2) >= before
        to_row = tl.load(field + 2 * neighbor, mask=wanted, other=0) - di
        to_col = tl.load(field + 2 * neighbor + 1, mask=wanted, other=0) - dj
        wanted &= (to_row != best_row) | (to_col != best_col)
        wanted = _allowed(valid, to_height, to_width, reach, start_row, start_col, to_row, to_col, wanted)
        best_row, best_col, best = _better(
            a, b, channels, height, width, to_height, to_width, wanted, row, col, to_row, to_col,
            start_row, start_col, per_cell, best_row, best_col, best, positions, block,
        )  # fmt: skip
    tl.store(out + 2 * at, best_row, mask=own)
    tl.store(out + 2 * at + 1, best_col, mask=own)
    tl.store(score + at, best, mask=own & (best > known))
    tl.store(changed + at, tl.zeros_like(at) + now, mask=own & (best > known))


@triton.jit(do_not_specialize=[*_SIZES, "reach", "trials", "iteration", "seed", "now"])
def _random_search(
    a, b, channels, height, width, to_height, to_width, valid, start, resistance, reach, field, score, changed, radii, trials, iteration, seed, now,
    positions: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Tries one random match within every radius of the best so far; every position reads and writes its own match alone."""
    at = tl.program_id(0) * positions + tl.arange(0, positions)
    own = at < height * width
    row, col = at // width, at % width
    best_row, best_col = tl.load(field + 2 * at, mask=own, other=0), tl.load(field + 2 * at + 1, mask=own, other=0)
    start_row, start_col = tl.load(start + 2 * at, mask=own, other=0), tl.load(start + 2 * at + 1, mask=own, other=0)
    per_cell = tl.load(resistance + at, mask=own, other=0)
    known = tl.load(score + at, mask=own, other=0)
    best = known
    for trial in range(trials):
        radius = tl.load(radii + trial)
        top, bottom = tl.maximum(best_row - radius, 0), tl.minimum(best_row + radius, to_height - 1)
        left, right = tl.maximum(best_col - radius, 0), tl.minimum(best_col + radius, to_width - 1)
        number = tl.zeros_like(at) + 2 * trial
        to_row = top + (_hash_u32(seed, iteration, number, at) % (bottom - top + 1).to(tl.uint32)).to(tl.int32)
        to_col = left + (_hash_u32(seed, iteration, number + 1, at) % (right - left + 1).to(tl.uint32)).to(tl.int32)
        wanted = own & ((to_row != best_row) | (to_col != best_col))
        wanted = _allowed(valid, to_height, to_width, reach, start_row, start_col, to_row, to_col, wanted)
        best_row, best_col, best = _better(
            a, b, channels, height, width, to_height, to_width, wanted, row, col, to_row, to_col,
            start_row, start_col, per_cell, best_row, best_col, best, positions, block,
        )  # fmt: skip
    improved = own & (best > known)
    tl.store(field + 2 * at, best_row, mask=improved)
    tl.store(field + 2 * at + 1, best_col, mask=improved)
    tl.store(score + at, best, mask=improved)
    tl.store(changed + at, tl.zeros_like(at) + now, mask=improved)
