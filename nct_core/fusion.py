"""Several references -> one guidance and a label map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .voting import Guidance


def choose(candidates: list[Guidance], labels: NDArray[np.uint8]) -> Guidance:
    """Puts one guidance together: at every position that of the candidate which ``labels`` (uint8 [h, w]) names."""
    if len(candidates) == 1:
        return candidates[0]
    index = torch.from_numpy(labels.astype(np.int64)).to(candidates[0].error.device)

    def pick(planes: list[torch.Tensor]) -> torch.Tensor:
        stack = torch.stack(planes)
        where = index.reshape(1, *index.shape, *[1] * (stack.dim() - 3)).expand(1, *stack.shape[1:])
        return stack.gather(0, where)[0]

    return Guidance(*(pick([getattr(candidate, part) for candidate in candidates]) for part in ("colors", "error", "voted")))
