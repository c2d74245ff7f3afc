"""How far the matches around a position agree: the evidence that they are true (ours).

Two pictures of one place give fields in which neighbors move together and the way there and back ends where it began; between different
scenes hardly any do. Similarity says nothing of the kind: the best patch of the wrong object is often as similar.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from ..pixels.grids import Shape
from ..pixels.resample import box_mean
from .field import Field

_SHIFT = 1  # cells by which the matches of neighbors may be off the shift between them
_RETURN = 2  # cells by which there and back may end beside where it began


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
    """The share of neighbors whose matches move along, squared, where back leads here; averaged over 3x3 positions.

    Args:
        field: int32 [h, w, 2] into (H, W).
        back: int32 [H, W, 2] into (h, w), on the same device.

    Returns:
        float32 [h, w], [0, 1].
    """
    height, width = field.shape[:2]
    rows, cols = (torch.arange(n, device=field.device, dtype=torch.int32) for n in (height, width))
    here = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1)
    shift = field - here
    agreeing, neighbors = (torch.zeros(height, width, device=field.device) for _ in range(2))
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        other = (slice(down, height), slice(max(0, right), width - max(0, -right)))
        along = ((shift[one] - shift[other]).abs().amax(-1) <= _SHIFT).float()
        for side in (one, other):
            agreeing[side] += along
            neighbors[side] += 1.0
    row, col = field.long().unbind(-1)
    returns = (back[row, col] - here).abs().amax(-1) <= _RETURN
    share = (agreeing / neighbors.clamp_min(1.0)) ** 2 * returns
    return box_mean(share[None], 1)[0]
