"""Voting compiled for the CPU; see :mod:`nct_core.guidance.voting` for the contract."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from ...features.fixed_point import UNIT
from ...features.fixed_point_cpu import BLOCK, in_blocks
from ...runtime import threads
from ...runtime.compiled import compiled
from ...runtime.progress import Advance, unwatched
from .ballot import Ballot, Votes


def vote(ballot: Ballot, advance: Advance = unwatched) -> Votes:
    """See :func:`nct_core.guidance.voting.vote`."""
    source_valid, reference_valid = ballot.source_valid.contiguous().numpy(), ballot.reference_valid.contiguous().numpy()
    height, width = source_valid.shape
    starts, voters = _voters(ballot.backward.numpy(), (height, width), reference_valid)
    colors, error, voted = np.zeros((height, width, 3), np.float32), np.ones((height, width), np.float32), np.zeros((height, width), np.bool_)
    threads.over_rows(
        _gather_votes, height, in_blocks(ballot.source_features), in_blocks(ballot.reference_features),
        ballot.reference_colors.contiguous().numpy(), ballot.forward.contiguous().numpy(), starts, voters, source_valid, reference_valid,
        np.float32(ballot.coherence), np.float32(ballot.completeness), colors, error, voted, grain=1, advance=advance,
    )  # fmt: skip
    return Votes(torch.from_numpy(colors), torch.from_numpy(error), torch.from_numpy(voted))


def _voters(backward: NDArray[np.int32], shape: tuple[int, int], reference_valid: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Inverts the field reference -> source: for every source position, the flat reference positions that map onto it.

    Returns:
        starts int32 [h * w + 1] and voters int32 [n], the voters of p being ``voters[starts[p] : starts[p + 1]]``.
    """
    flat = np.flatnonzero(reference_valid)
    landing = (backward[..., 0].ravel()[flat] * shape[1] + backward[..., 1].ravel()[flat]).astype(np.int64)
    order = np.argsort(landing, kind="stable")
    starts = np.zeros(shape[0] * shape[1] + 1, np.int32)
    np.cumsum(np.bincount(landing, minlength=shape[0] * shape[1]), out=starts[1:])
    return starts, flat[order].astype(np.int32)


@njit(fastmath=True)
def _add(mean, weight, features):
    """Adds one vote's features, a block of them: a loop of known length over slices becomes vector instructions."""
    for c in range(BLOCK):
        mean[c] += weight * np.float32(features[c])


@compiled(fastmath=True)
def _gather_votes(
    first, last, source_features, features, reference_colors, forward, starts, voters, source_valid, valid, coherence, completeness, colors, error, voted
):
    height, width = source_valid.shape
    to_height, to_width = valid.shape
    channels = features.shape[2]
    for row in range(first, last):
        mean = np.empty(channels, np.float32)
        for col in range(width):
            if not source_valid[row, col]:
                continue
            mean[:] = 0.0
            total = np.float32(0.0)
            lightness, red, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for i in range(max(row - 1, 0), min(row + 2, height)):
                for j in range(max(col - 1, 0), min(col + 2, width)):
                    if not source_valid[i, j]:
                        continue
                    at = i * width + j
                    # One pass over the forward match (v = -1) and then over all positions that map backward onto (i, j).
                    for v in range(-1, starts[at + 1] - starts[at]):
                        if v < 0:
                            to_row, to_col, weight = forward[i, j, 0] + row - i, forward[i, j, 1] + col - j, coherence
                        else:
                            q = voters[starts[at] + v]
                            to_row, to_col, weight = q // to_width + row - i, q % to_width + col - j, completeness
                        if to_row < 0 or to_row >= to_height or to_col < 0 or to_col >= to_width or not valid[to_row, to_col]:
                            continue
                        total += weight
                        lightness += weight * reference_colors[to_row, to_col, 0]
                        red += weight * reference_colors[to_row, to_col, 1]
                        blue += weight * reference_colors[to_row, to_col, 2]
                        for block in range(0, channels, BLOCK):
                            _add(mean[block : block + BLOCK], weight, features[to_row, to_col, block : block + BLOCK])
            if total > 0.0:
                voted[row, col] = True
                colors[row, col, 0], colors[row, col, 1], colors[row, col, 2] = lightness / total, red / total, blue / total
                dot, norm = np.float32(0.0), np.float32(0.0)
                for c in range(channels):
                    dot += mean[c] * source_features[row, col, c]
                    norm += mean[c] * mean[c]
                error[row, col] = -dot / (UNIT * np.sqrt(max(norm, np.float32(1e-30))))
