"""Input and output of voting, the same for the kernels of every device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...matching.field import Field


@dataclass(frozen=True)
class Ballot:
    """The input of voting, all tensors on one device.

    Attributes:
        source_features, reference_features: int16 [h, w, C] and [H, W, C], see :mod:`nct_core.features.fixed_point`.
        reference_colors: float32 [H, W, 3].
        forward, backward: int32 [h, w, 2] into (H, W), and [H, W, 2] into (h, w).
        source_valid, reference_valid: bool [h, w] and [H, W]; other positions give and get no votes.
        coherence, completeness: the weight of one vote of either kind.
    """

    source_features: torch.Tensor
    reference_features: torch.Tensor
    reference_colors: torch.Tensor
    forward: Field
    backward: Field
    source_valid: torch.Tensor
    reference_valid: torch.Tensor
    coherence: float
    completeness: float


@dataclass(frozen=True)
class Votes:
    """The weighted means of the votes.

    Attributes:
        colors: float32 [h, w, 3]; 0 where there is no vote.
        error: float32 [h, w], the negative cosine of the source's features and the voted ones, in [-1, 1]; 1 where there is no vote.
        voted: bool [h, w], the valid positions that got a vote.
    """

    colors: torch.Tensor
    error: torch.Tensor
    voted: torch.Tensor
