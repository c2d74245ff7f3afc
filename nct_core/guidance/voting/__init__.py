"""Fields + reference -> guidance and confidence, by bidirectional voting (paper section 3.2).

For a source position p the votes are the reference positions q that overlapping 3x3 patches put under it:

- coherence: the 9 patches around p, each mapped source -> reference; weight 1 / |S| each
- completeness: every reference patch, mapped reference -> source, that covers p; weight beta / |R| each

The guidance color is the weighted mean of the votes' colors. Their features, averaged the same way and scaled to unit length,
are compared with the source's: e(p) = -<F_S(p), F_G(p)>, rescaled to [0, 1] over the image, and the confidence is 1 - e(p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...matching.consistency import agreement
from ...matching.field import Field
from ...runtime import backend
from ...runtime.progress import Advance, unwatched
from . import kernels_cpu, kernels_torch

CONFIDENCE_FLOOR = 1e-6


@dataclass(frozen=True)
class Guidance:
    """What the reference says about every source position.

    Attributes:
        colors: float32 [h, w, 3], scaled Lab; the source's own color where nobody voted.
        error: float32 [h, w], e(p) = -<F_S, F_G> before rescaling, in [-1, 1]; 1 where nobody voted.
        voted: bool [h, w], the valid positions that got a vote.
        agreement: float32 [h, w], how far the matches agree, see :mod:`nct_core.matching.consistency`.
    """

    colors: torch.Tensor
    error: torch.Tensor
    voted: torch.Tensor
    agreement: torch.Tensor

    def confidence(self) -> torch.Tensor:
        """Confidence w(p) = 1 - e(p), float32 [h, w] in [1e-6, 1], e rescaled to [0, 1] over the positions that got a vote."""
        known = self.error[self.voted]
        if known.numel() == 0:
            return torch.full_like(self.error, CONFIDENCE_FLOOR)
        low, high = known.min(), known.max()
        # A constant error says nothing against any position: full confidence.
        scaled = (self.error - low) / (high - low) if high > low else torch.zeros_like(self.error)
        return torch.where(self.voted, 1.0 - scaled, 0.0).clamp(CONFIDENCE_FLOOR, 1.0)


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
    advance: Advance = unwatched,
) -> Guidance:
    """Votes colors and features of one reference onto the source's grid.

    Args:
        source_features, reference_features: int16 [h, w, C] and [H, W, C], see :mod:`nct_core.features.fixed_point`, on one device.
        source_colors, reference_colors: float32 [h, w, 3] and [H, W, 3], scaled Lab, on the same device.
        nnf_source_to_reference, nnf_reference_to_source: int32 [h, w, 2] into (H, W), and the other way, on the same device.
        source_valid, reference_valid: bool grids; invalid positions neither vote nor are voted for.
        bds_weight: beta, the weight of completeness against coherence.
        advance: called as the votes are gathered.

    Returns:
        The guidance.
    """
    if source_features.device.type == "cpu":
        run = kernels_cpu.vote
    elif backend.runs_triton(source_features.device):
        from . import kernels_triton  # Triton comes with torch for CUDA only

        run = kernels_triton.vote
    else:
        run = kernels_torch.vote
    coherence = 1.0 / max(1, int(source_valid.sum()))
    completeness = bds_weight / max(1, int(reference_valid.sum()))
    colors, error, voted = run(
        source_features, reference_features, reference_colors, nnf_source_to_reference, nnf_reference_to_source,
        source_valid, reference_valid, coherence, completeness, advance,
    )  # fmt: skip
    agreeing = agreement(nnf_source_to_reference, nnf_reference_to_source)
    return Guidance(torch.where(voted[..., None], colors, source_colors), error, voted, agreeing)
