"""What the references say, each for itself -> one, by the label map."""

from __future__ import annotations

import torch

from ..matching.likeness import Likeness
from .voting import Guidance


def fuse(candidates: dict[int, Guidance], labels: torch.Tensor) -> Guidance:
    """Puts one guidance together: at every position that of the candidate which ``labels`` (uint8 [h, w], on the same device) names."""
    names = ("colors", "error", "voted", "agreement")
    return Guidance(*(_pick({key: getattr(candidate, name) for key, candidate in candidates.items()}, labels) for name in names))


def fuse_likeness(candidates: dict[int, Likeness], labels: torch.Tensor) -> Likeness:
    """Puts one likeness together in the same way."""
    names = ("similarity", "structure")
    return Likeness(*(_pick({key: getattr(candidate, name) for key, candidate in candidates.items()}, labels) for name in names))


def _pick(candidates: dict[int, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """At every position the plane, [h, w] or [h, w, C], that the label names."""
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    keys = sorted(candidates)
    index = torch.searchsorted(torch.tensor(keys, device=labels.device), labels.long())
    planes = torch.stack([candidates[key] for key in keys])
    where = index.reshape(1, *index.shape, *[1] * (planes.dim() - 3)).expand(1, *planes.shape[1:])
    return planes.gather(0, where)[0]
