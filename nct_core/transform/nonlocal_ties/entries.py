"""The input of the search for ties, the same for the kernels of every device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...pixels.grids import Shape


@dataclass(frozen=True)
class Entries:
    """One entry for every position of every dilated cluster, all tensors on one device.

    Attributes:
        colors: float32 [n, 3].
        cluster, position: int64 [n].
        own: bool [n], whether the position belongs to the cluster itself and not only to its dilation.
        keys: int64 [n] each, all different: the sort keys of the entries along each curve.
        shape: (h, w) of the grid.
    """

    colors: torch.Tensor
    cluster: torch.Tensor
    position: torch.Tensor
    own: torch.Tensor
    keys: tuple[torch.Tensor, torch.Tensor]
    shape: Shape
