"""How well the matches around a position agree: the evidence that they are true (ours).

Between two pictures of the same place, neighbors have neighboring matches, and the way to the match and back ends where it began. Between
different scenes this is rare. Similarity alone cannot tell: the best patch of the wrong object is often just as similar.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from ..pixels.grids import Shape
from ..pixels.resample import box_mean
from .field import Field

_SHIFT = 1  # cells by which the shifts of neighboring matches may differ
_RETURN = 2  # cells between a position and the end of the way to its match and back


@dataclass(frozen=True)
class Fields:
    """The nearest-neighbor fields between a source and a reference, in both directions, on one device.

    Attributes:
        forward: int32 [h, w, 2] into (H, W), source to reference.
        backward: int32 [H, W, 2] into (h, w), reference to source.
    """

    forward: Field
    backward: Field

    @property
    def source_grid(self) -> Shape:
        """(h, w)."""
        return (self.forward.shape[0], self.forward.shape[1])

    @property
    def grid(self) -> Shape:
        """(H, W), the grid of the reference."""
        return (self.backward.shape[0], self.backward.shape[1])

    @functools.cached_property
    def agreement(self) -> torch.Tensor:
        """:func:`agreement` of the source's matches, float32 [h, w], [0, 1]."""
        return agreement(self.forward, self.backward)


def agreement(field: Field, back: Field) -> torch.Tensor:
    """The squared share of neighbors with the same shift, where the match leads back to the position; averaged over 3x3 positions.

    Args:
        field: int32 [h, w, 2] into (H, W).
        back: int32 [H, W, 2] into (h, w), on the same device.

    Returns:
        float32 [h, w], [0, 1].
    """
    height, width = field.shape[:2]
    rows, cols = (torch.arange(n, device=field.device, dtype=torch.int32) for n in (height, width))
    positions = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1)
    shift = field - positions
    agreeing, neighbors = (torch.zeros(height, width, device=field.device) for _ in range(2))
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        second = (slice(down, height), slice(max(0, right), width - max(0, -right)))
        along = ((shift[first] - shift[second]).abs().amax(-1) <= _SHIFT).float()
        for side in (first, second):
            agreeing[side] += along
            neighbors[side] += 1.0
    row, col = field.long().unbind(-1)
    returns = (back[row, col] - positions).abs().amax(-1) <= _RETURN
    share = (agreeing / neighbors.clamp_min(1.0)) ** 2 * returns
    return box_mean(share[None], 1)[0]
