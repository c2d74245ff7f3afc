"""Fields + reference -> guidance and confidence, by bidirectional voting (paper section 3.2).

For a source position p the votes are the reference positions q that overlapping 3x3 patches put under it:

- coherence: the 9 patches around p, each mapped source -> reference; weight 1 / |S| each
- completeness: every reference patch, mapped reference -> source, that covers p; weight beta / |R| each

The guidance colour is the weighted mean of the votes' colours. Their features, averaged the same way and scaled to unit length,
are compared with the source's: e(p) = -<F_S(p), F_G(p)>, rescaled to [0, 1] over the image, and the confidence is 1 - e(p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from . import threads
from .nnf import Field

CONFIDENCE_FLOOR = 1e-6


@dataclass(frozen=True)
class Guidance:
    """What the reference says about every source position.

    Attributes:
        colors: float32 [h, w, 3], scaled Lab; the source's own colour where nobody voted.
        error: float32 [h, w], e(p) = -<F_S, F_G> before rescaling, in [-1, 1]; 1 where nobody voted.
    """

    colors: torch.Tensor
    error: torch.Tensor

    def confidence(self, voted: torch.Tensor) -> torch.Tensor:
        """Confidence w(p) = 1 - e(p) in [1e-6, 1], e rescaled to [0, 1] over the positions that ``voted`` (bool [h, w]) marks."""
        known = self.error[voted]
        if known.numel() == 0:
            return torch.full_like(self.error, CONFIDENCE_FLOOR)
        low, high = known.min(), known.max()
        # A constant error says nothing against any position: full confidence.
        scaled = (self.error - low) / (high - low) if high > low else torch.zeros_like(self.error)
        return torch.where(voted, 1.0 - scaled, 0.0).clamp(CONFIDENCE_FLOOR, 1.0)


def vote(
    source_features: torch.Tensor,
    reference_features: torch.Tensor,
    source_colors: torch.Tensor,
    reference_colors: torch.Tensor,
    nnf_source_to_reference: Field,
    nnf_reference_to_source: Field,
    source_valid: NDArray[np.bool_],
    reference_valid: NDArray[np.bool_],
    *,
    bds_weight: float,
) -> tuple[Guidance, torch.Tensor]:
    """Votes colours and features of one reference onto the source's grid.

    Args:
        source_features, reference_features: float32 [h, w, C] and [H, W, C], unit vectors, on one device.
        source_colors, reference_colors: float32 [h, w, 3] and [H, W, 3], scaled Lab, on the same device.
        nnf_source_to_reference, nnf_reference_to_source: int32 [h, w, 2] into (H, W), and the other way.
        source_valid, reference_valid: bool grids; invalid positions neither vote nor are voted for.
        bds_weight: beta, the weight of completeness against coherence.

    Returns:
        The guidance, and bool [h, w]: the valid positions that got a vote.
    """
    run = _vote_cpu if source_features.device.type == "cpu" else _vote_torch
    coherence = 1.0 / max(1, int(source_valid.sum()))
    completeness = bds_weight / max(1, int(reference_valid.sum()))
    colors, error, voted = run(
        source_features, reference_features, reference_colors, nnf_source_to_reference, nnf_reference_to_source,
        source_valid, reference_valid, coherence, completeness,
    )  # fmt: skip
    return Guidance(torch.where(voted[..., None], colors, source_colors), error), voted


def _vote_cpu(source_features, reference_features, reference_colors, forward, backward, source_valid, reference_valid, coherence, completeness):  # type: ignore[no-untyped-def]
    starts, voters = _voters(backward, source_valid.shape, reference_valid)
    height, width = source_valid.shape
    colors, error, voted = np.zeros((height, width, 3), np.float32), np.ones((height, width), np.float32), np.zeros((height, width), np.bool_)
    threads.over_rows(
        _gather_votes, height, source_features.contiguous().numpy(), reference_features.contiguous().numpy(), reference_colors.contiguous().numpy(),
        forward, starts, voters, source_valid, reference_valid, np.float32(coherence), np.float32(completeness), colors, error, voted, grain=1,
    )  # fmt: skip
    return torch.from_numpy(colors), torch.from_numpy(error), torch.from_numpy(voted)


def _voters(backward: Field, shape: tuple[int, int], reference_valid: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Turns reference -> source round: for every source position the flat reference positions that map onto it.

    Returns:
        starts int32 [h * w + 1] and voters int32 [n], the voters of p being ``voters[starts[p] : starts[p + 1]]``.
    """
    flat = np.flatnonzero(reference_valid)
    landing = (backward[..., 0].ravel()[flat] * shape[1] + backward[..., 1].ravel()[flat]).astype(np.int64)
    order = np.argsort(landing, kind="stable")
    starts = np.zeros(shape[0] * shape[1] + 1, np.int32)
    np.cumsum(np.bincount(landing, minlength=shape[0] * shape[1]), out=starts[1:])
    return starts, flat[order].astype(np.int32)


@njit(nogil=True, cache=True, fastmath=True)
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
                    # One pass over the forward match (v = -1) and then over everybody who maps backward onto (i, j).
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
                        for c in range(channels):
                            mean[c] += weight * features[to_row, to_col, c]
            if total > 0.0:
                voted[row, col] = True
                colors[row, col, 0], colors[row, col, 1], colors[row, col, 2] = lightness / total, red / total, blue / total
                dot, norm = np.float32(0.0), np.float32(0.0)
                for c in range(channels):
                    dot += mean[c] * source_features[row, col, c]
                    norm += mean[c] * mean[c]
                error[row, col] = -dot / np.sqrt(max(norm, np.float32(1e-30)))


def _vote_torch(source_features, reference_features, reference_colors, forward, backward, source_valid, reference_valid, coherence, completeness):  # type: ignore[no-untyped-def]
    device = source_features.device
    height, width = source_valid.shape
    to_height, to_width = reference_valid.shape
    payload = torch.cat([reference_features, reference_colors, torch.ones_like(reference_colors[..., :1])], -1)
    # Coherence and completeness alike are pairs (patch centre in the source, patch centre in the reference).
    rows, cols = np.nonzero(source_valid)
    to_rows, to_cols = np.nonzero(reference_valid)
    pairs = (
        (rows, cols, forward[rows, cols, 0], forward[rows, cols, 1], coherence),
        (backward[to_rows, to_cols, 0], backward[to_rows, to_cols, 1], to_rows, to_cols, completeness),
    )
    votes = torch.zeros(height * width, payload.shape[-1], device=device)
    source_ok, reference_ok = (torch.from_numpy(valid).to(device) for valid in (source_valid, reference_valid))
    for *positions, weight in pairs:
        row, col, to_row, to_col = (torch.from_numpy(p.astype(np.int64)).to(device) for p in positions)
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                i, j, k, m = row + di, col + dj, to_row + di, to_col + dj
                keep = (i >= 0) & (i < height) & (j >= 0) & (j < width) & (k >= 0) & (k < to_height) & (m >= 0) & (m < to_width)
                i, j, k, m = i[keep], j[keep], k[keep], m[keep]
                keep = source_ok[i, j] & reference_ok[k, m]
                i, j, k, m = i[keep], j[keep], k[keep], m[keep]
                # index_put_ with accumulate sorts by index on CUDA, so its sums do not depend on thread timing.
                votes.index_put_((i * width + j,), weight * payload[k, m], accumulate=True)
    total = votes[:, -1:]
    voted = (total[:, 0] > 0).view(height, width)
    colors = (votes[:, -4:-1] / total.clamp_min(1e-30)).view(height, width, 3)
    mean = torch.nn.functional.normalize(votes[:, :-4], dim=-1, eps=1e-15).view(height, width, -1)
    error = torch.where(voted, -(mean * source_features).sum(-1), torch.ones((), device=device))
    return colors, error, voted
