"""What the references say, each for itself -> one, by the label map."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import torch

from ..matching.likeness import Likeness
from .voting import Guidance

_Planes = TypeVar("_Planes", Guidance, Likeness)


def fuse(candidates: dict[int, _Planes], labels: torch.Tensor) -> _Planes:
    """Puts one guidance, or one likeness, together.

    Args:
        candidates: by key what each reference says, planes of [h, w] or [h, w, C] on one device.
        labels: uint8 [h, w], the key of the candidate to take at every position.
    """
    keys = sorted(candidates)
    first = candidates[keys[0]]
    if len(keys) == 1:
        return first
    index = torch.searchsorted(torch.tensor(keys, device=labels.device), labels.long())

    def pick(name: str) -> torch.Tensor:
        planes = torch.stack([getattr(candidates[key], name) for key in keys])
        where = index.reshape(1, *index.shape, *[1] * (planes.dim() - 3)).expand(1, *planes.shape[1:])
        return planes.gather(0, where)[0]

    return type(first)(**{field.name: pick(field.name) for field in dataclasses.fields(first)})
