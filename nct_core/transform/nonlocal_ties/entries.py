"""What the search for ties is given, the same for the kernels of every device."""

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
        own: bool [n], whether the cluster is that of the position itself.
        keys: int64 [n] each, all different: what the entries are sorted by along each curve.
        shape: (h, w) of the grid.
    """

    colors: torch.Tensor
    cluster: torch.Tensor
    position: torch.Tensor
    own: torch.Tensor
    keys: tuple[torch.Tensor, torch.Tensor]
    shape: Shape
