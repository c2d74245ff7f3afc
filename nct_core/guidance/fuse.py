"""The references' guidances -> one, by the label map."""

from __future__ import annotations

import torch

from .voting import Guidance


def fuse(candidates: dict[int, Guidance], labels: torch.Tensor) -> Guidance:
    """Puts one guidance together: at every position that of the candidate which ``labels`` (uint8 [h, w], on the same device) names."""
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    keys = sorted(candidates)
    index = torch.searchsorted(torch.tensor(keys, device=labels.device), labels.long())

    def pick(part: str) -> torch.Tensor:
        planes = torch.stack([getattr(candidates[key], part) for key in keys])
        where = index.reshape(1, *index.shape, *[1] * (planes.dim() - 3)).expand(1, *planes.shape[1:])
        return planes.gather(0, where)[0]

    return Guidance(pick("colors"), pick("error"), pick("voted"), pick("agreement"))
