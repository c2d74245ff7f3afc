"""Fields + reference -> guidance and confidence, by bidirectional voting (paper section 3.2).

For a source position p the votes are the reference positions q that overlapping 3x3 patches put under it:

- coherence: the 9 patches around p, each mapped source -> reference; weight 1 / |S| each
- completeness: every reference patch, mapped reference -> source, that covers p; weight beta / |R| each

The guidance color is the weighted mean of the votes' colors. Their features, averaged the same way and scaled to unit length,
are compared with the source's: e(p) = -<F_S(p), F_G(p)>, rescaled to [0, 1] over the image, and the confidence is 1 - e(p).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...features.fixed_point import fixed_point
from ...matching.consistency import Fields
from ...matching.field import identity_field
from ...runtime.backend import Kernels
from ...runtime.progress import Advance, unwatched
from . import kernels_cpu, kernels_torch
from .ballot import Ballot

CONFIDENCE_FLOOR = 1e-6
_TRIAL_TOLERANCE = 1e-3  # between orders of addition in float32


@dataclass(frozen=True)
class Guidance:
    """The guidance of a reference for every source position.

    Attributes:
        colors: float32 [h, w, 3], scaled Lab; the source's own color where there is no vote.
        error: float32 [h, w], e(p) = -<F_S, F_G> before rescaling, in [-1, 1]; 1 where there is no vote.
        voted: bool [h, w], the valid positions that got a vote.
        agreement: float32 [h, w], how well the matches agree, see :mod:`nct_core.matching.consistency`.
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
        # A constant error is evidence against no position: full confidence.
        scaled = (self.error - low) / (high - low) if high > low else torch.zeros_like(self.error)
        return torch.where(self.voted, 1.0 - scaled, 0.0).clamp(CONFIDENCE_FLOOR, 1.0)


def vote(
    source_features: torch.Tensor,
    reference_features: torch.Tensor,
    source_colors: torch.Tensor,
    reference_colors: torch.Tensor,
    fields: Fields,
    source_valid: torch.Tensor,
    reference_valid: torch.Tensor,
    *,
    bds_weight: float,
    kernels: Kernels = Kernels.CPU,
    advance: Advance = unwatched,
) -> Guidance:
    """Votes colors and features of one reference onto the source's grid.

    Args:
        source_features, reference_features: int16 [h, w, C] and [H, W, C], see :mod:`nct_core.features.fixed_point`, on one device.
        source_colors, reference_colors: float32 [h, w, 3] and [H, W, 3], scaled Lab, on the same device.
        fields: fields between the two, on the same device.
        source_valid, reference_valid: bool [h, w] and [H, W], on the same device; invalid positions give and get no votes.
        bds_weight: beta, the weight of completeness against coherence.
        kernels: kernels of the device, see :class:`nct_core.runtime.backend.Backend`.
        advance: called as the votes are gathered.

    Returns:
        The guidance.
    """
    coherence = 1.0 / max(1, int(source_valid.sum()))
    completeness = bds_weight / max(1, int(reference_valid.sum()))
    ballot = Ballot(
        source_features, reference_features, reference_colors, fields.forward, fields.backward, source_valid, reference_valid, coherence, completeness
    )
    if kernels is Kernels.TRITON:
        from . import kernels_triton  # Triton comes with torch for CUDA only

        votes = kernels_triton.vote(ballot, advance)
    else:
        votes = (kernels_cpu if kernels is Kernels.CPU else kernels_torch).vote(ballot, advance)
    return Guidance(torch.where(votes.voted[..., None], votes.colors, source_colors), votes.error, votes.voted, fields.agreement)


def try_triton(device: torch.device) -> None:
    """Runs the Triton kernel on a tiny case; see :data:`nct_core.runtime.backend.Trial`.

    Raises:
        RuntimeError: the votes differ from those of the plain torch kernels. Triton's own errors if the kernel does not compile or run.
    """
    from . import kernels_triton

    source, reference = (fixed_point(torch.rand(5, 4, 64, generator=torch.Generator().manual_seed(seed))).to(device) for seed in (1, 2))
    field, valid = identity_field((5, 4), (5, 4), device), torch.ones(5, 4, dtype=torch.bool, device=device)
    ballot = Ballot(source, reference, reference[..., :3].float() / 1e4, field, field, valid, valid, coherence=0.05, completeness=0.1)
    found, expected = kernels_triton.vote(ballot), kernels_torch.vote(ballot)
    if not torch.equal(found.voted, expected.voted) or not torch.allclose(found.colors, expected.colors, atol=_TRIAL_TOLERANCE):
        raise RuntimeError("expected the votes that plain torch counts from Triton's kernel, got others")
