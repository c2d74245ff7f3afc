"""Voting in a Triton kernel for CUDA devices; see :mod:`nct_core.guidance.voting` for the contract.

One program gathers all votes for one source position, in a fixed order: sums do not depend on timing. Besides the features and colors,
it takes about 30 bytes per position of the reference and 25 per position of the source.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from ...features.fixed_point import UNIT
from ...matching.field import Field
from ...runtime.progress import Advance, unwatched
from .ballot import Ballot, Votes

_TOGETHER = 8  # votes read at a time
_CHANNELS_PER_WARP = 64
_UNIT = tl.constexpr(float(UNIT))


def vote(ballot: Ballot, advance: Advance = unwatched) -> Votes:
    """See :func:`nct_core.guidance.voting.vote`."""
    source_features, reference_features, source_ok, reference_ok = (
        ballot.source_features, ballot.reference_features, ballot.source_valid.contiguous(), ballot.reference_valid.contiguous()
    )  # fmt: skip
    height, width, channels = source_features.shape
    assert max(source_features.numel(), reference_features.numel()) < 1 << 31, "kernels count in 32 bits"
    starts, voters = voters_of(ballot.backward, (height, width), reference_ok)
    colors, error = source_features.new_zeros(height, width, 3, dtype=torch.float32), source_features.new_ones(height, width, dtype=torch.float32)
    voted = torch.zeros(height, width, dtype=torch.uint8, device=error.device)
    block = triton.next_power_of_2(channels)
    with torch.cuda.device_of(error):
        _gather_votes[(height * width,)](
            source_features.contiguous(), reference_features.contiguous(), ballot.reference_colors.contiguous(), ballot.forward.contiguous(), starts, voters,
            source_ok.view(torch.uint8), reference_ok.view(torch.uint8), height, width, *reference_ok.shape,
            ballot.coherence, ballot.completeness, colors, error, voted,
            channels=channels, block=block, together=_TOGETHER, num_warps=max(1, min(8, block // _CHANNELS_PER_WARP)), enable_fp_fusion=True,
        )  # fmt: skip
    advance(1.0)
    return Votes(colors, error, voted.bool())


def voters_of(backward: Field, shape: tuple[int, int], reference_valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inverts the field reference -> source without waiting for the device: for every source position, the flat reference positions that map onto it.

    Returns:
        starts int32 [h * w + 1] and voters int32 [H * W], the voters of p being ``voters[starts[p] : starts[p + 1]]`` in ascending
        order; invalid reference positions come last.
    """
    positions = shape[0] * shape[1]
    landing = torch.where(reference_valid, backward[..., 0] * shape[1] + backward[..., 1], positions).flatten().int()
    landing, order = torch.sort(landing, stable=True)
    starts = torch.searchsorted(landing, torch.arange(positions + 1, dtype=torch.int32, device=landing.device), out_int32=True)
    return starts, order.int()


@triton.jit(do_not_specialize=["height", "width", "to_height", "to_width", "coherence", "completeness"])
def _gather_votes(
    source_features, features, reference_colors, forward, starts, voters, source_valid, valid, height, width, to_height, to_width,
    coherence, completeness, colors, error, voted,
    channels: tl.constexpr, block: tl.constexpr, together: tl.constexpr,
):  # fmt: skip
    """Adds up, for one position, the votes of the nine patches around it, ``together`` at a time side by side."""
    position = tl.program_id(0)
    if tl.load(source_valid + position) != 0:
        row, col = position // width, position % width
        channel, vote = tl.arange(0, block), tl.arange(0, together)
        real = channel < channels
        mean = tl.zeros([together, block], tl.float32)
        total, lightness = tl.zeros([together], tl.float32), tl.zeros([together], tl.float32)
        red, blue = tl.zeros([together], tl.float32), tl.zeros([together], tl.float32)
        for place in range(9):
            di, dj = place // 3 - 1, place % 3 - 1
            i, j = row + di, col + dj
            patch = i * width + j
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            inside &= tl.load(source_valid + patch, mask=inside, other=0) != 0
            first = tl.load(starts + patch, mask=inside, other=0)
            count = tl.load(starts + patch + 1, mask=inside, other=0) - first + inside.to(tl.int32)
            forward_row, forward_col = tl.load(forward + 2 * patch, mask=inside, other=0), tl.load(forward + 2 * patch + 1, mask=inside, other=0)
            # Vote 0 is the forward match; then follow all positions that map backward onto (i, j).
            for begin in range(0, count, together):
                number = begin + vote
                ahead = number == 0
                voter = tl.load(voters + first + number - 1, mask=(number > 0) & (number < count), other=0)
                to_row = tl.where(ahead, forward_row, voter // to_width) - di
                to_col = tl.where(ahead, forward_col, voter % to_width) - dj
                counts = (number < count) & (to_row >= 0) & (to_row < to_height) & (to_col >= 0) & (to_col < to_width)
                at = to_row * to_width + to_col
                counts &= tl.load(valid + at, mask=counts, other=0) != 0
                weight = tl.where(counts, tl.where(ahead, coherence, completeness), 0.0)
                total += weight
                lightness += weight * tl.load(reference_colors + 3 * at, mask=counts, other=0.0)
                red += weight * tl.load(reference_colors + 3 * at + 1, mask=counts, other=0.0)
                blue += weight * tl.load(reference_colors + 3 * at + 2, mask=counts, other=0.0)
                vectors = tl.load(features + (at * channels)[:, None] + channel[None, :], mask=counts[:, None] & real[None, :], other=0)
                mean += weight[:, None] * vectors.to(tl.float32)
        weights = tl.sum(total, 0)
        if weights > 0.0:
            tl.store(voted + position, 1)
            tl.store(colors + 3 * position, tl.sum(lightness, 0) / weights)
            tl.store(colors + 3 * position + 1, tl.sum(red, 0) / weights)
            tl.store(colors + 3 * position + 2, tl.sum(blue, 0) / weights)
            voted_features = tl.sum(mean, 0)
            own = tl.load(source_features + position * channels + channel, mask=real, other=0).to(tl.float32)
            norm = tl.sqrt(tl.maximum(tl.sum(voted_features * voted_features, 0), 1e-30))
            tl.store(error + position, -tl.sum(voted_features * own, 0) / (_UNIT * norm))
