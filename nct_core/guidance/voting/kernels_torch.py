"""Voting on any torch device; see :mod:`nct_core.guidance.voting` for the contract."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...features.fixed_point import UNIT
from ...matching.field import Field
from ...runtime.progress import Advance, unwatched

_CHUNK = 1 << 24  # values gathered at a time; bounds the memory beyond the sums of all votes


def vote(
    source_features: torch.Tensor,
    reference_features: torch.Tensor,
    reference_colors: torch.Tensor,
    forward: Field,
    backward: Field,
    source_valid: NDArray[np.bool_],
    reference_valid: NDArray[np.bool_],
    coherence: float,
    completeness: float,
    advance: Advance = unwatched,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean colors [h, w, 3], errors [h, w] and where there were votes, bool [h, w]; arguments as in :func:`nct_core.guidance.voting.vote`."""
    device = source_features.device
    height, width = source_valid.shape
    to_height, to_width = reference_valid.shape
    payload = torch.cat([reference_features.float(), reference_colors, torch.ones_like(reference_colors[..., :1])], -1)
    source_ok, reference_ok = (torch.from_numpy(valid).to(device) for valid in (source_valid, reference_valid))
    # Coherence and completeness alike are pairs (patch center in the source, patch center in the reference).
    centers, to_centers = source_ok.nonzero(), reference_ok.nonzero()
    pairs = ((centers, forward[source_ok].long(), coherence), (backward[reference_ok].long(), to_centers, completeness))
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
    return colors, error, voted
