"""The references' guidances -> one, by the label map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .voting import Guidance


def fuse(candidates: dict[int, Guidance], labels: NDArray[np.uint8]) -> Guidance:
    """Puts one guidance together: at every position that of the candidate which ``labels`` (uint8 [h, w]) names."""
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    keys = sorted(candidates)
    index = torch.from_numpy(np.searchsorted(keys, labels)).to(candidates[keys[0]].error.device)

    def pick(part: str) -> torch.Tensor:
        planes = torch.stack([getattr(candidates[key], part) for key in keys])
        where = index.reshape(1, *index.shape, *[1] * (planes.dim() - 3)).expand(1, *planes.shape[1:])
        return planes.gather(0, where)[0]

    return Guidance(pick("colors"), pick("error"), pick("voted"), pick("agreement"))
