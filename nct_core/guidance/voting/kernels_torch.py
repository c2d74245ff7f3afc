"""Voting on any torch device; see :mod:`nct_core.guidance.voting` for the contract."""

from __future__ import annotations

import torch

from ...features.fixed_point import UNIT
from ...runtime.progress import Advance, unwatched
from .ballot import Ballot, Votes

_CHUNK = 1 << 24  # values gathered at a time; bounds the memory beyond the sums of all votes


def vote(ballot: Ballot, advance: Advance = unwatched) -> Votes:
    """See :func:`nct_core.guidance.voting.vote`."""
    source_features, source_ok, reference_ok, device = ballot.source_features, ballot.source_valid, ballot.reference_valid, ballot.source_features.device
    (height, width), (to_height, to_width) = source_ok.shape, reference_ok.shape
    payload = torch.cat([ballot.reference_features.float(), ballot.reference_colors, torch.ones_like(ballot.reference_colors[..., :1])], -1)
    # Coherence and completeness alike are pairs (patch center in the source, patch center in the reference).
    centers, to_centers = source_ok.nonzero(), reference_ok.nonzero()
    pairs = (
        (centers, ballot.forward[source_ok].long(), ballot.coherence),
        (ballot.backward[reference_ok].long(), to_centers, ballot.completeness),
    )
    votes = torch.zeros(height * width, payload.shape[-1], device=device)
    step = max(1, _CHUNK // payload.shape[-1])
    for ours, theirs, weight in pairs:
        for part, to_part in zip(ours.split(step), theirs.split(step)):
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    i, j, k, m = part[:, 0] + di, part[:, 1] + dj, to_part[:, 0] + di, to_part[:, 1] + dj
                    keep = (i >= 0) & (i < height) & (j >= 0) & (j < width) & (k >= 0) & (k < to_height) & (m >= 0) & (m < to_width)
                    i, j, k, m = i[keep], j[keep], k[keep], m[keep]
                    keep = source_ok[i, j] & reference_ok[k, m]
                    i, j, k, m = i[keep], j[keep], k[keep], m[keep]
                    # index_put_ with accumulate sorts by index on CUDA, so its sums do not depend on thread timing.
                    votes.index_put_((i * width + j,), payload[k, m] * weight, accumulate=True)
            advance(0.0)
    total = votes[:, -1:]
    voted = (total[:, 0] > 0).view(height, width)
    colors = (votes[:, -4:-1] / total.clamp_min(1e-30)).view(height, width, 3)
    mean = torch.nn.functional.normalize(votes[:, :-4], dim=-1, eps=1e-15).view(height, width, -1)
    error = torch.where(voted, -(mean * source_features).sum(-1) / UNIT, torch.ones((), device=device))
    return Votes(colors, error, voted)
