"""The source on the grid of one level, to which every reference is matched."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..features.pyramid import COARSEST, two_scales
from ..pixels.grids import Shape
from ..pixels.working import WorkingImage


@dataclass(frozen=True)
class SourceLevel:
    """The source on the grid of one level; computed once and shared by all references.

    Attributes:
        level: 5 (coarsest) to 1.
        features: int16 [h, w, C], features of the source as recolored so far.
        compared: int16 [h, w, C'], the features by which patches are compared: those of the level, or of two scales.
        colors: float32 [h, w, 3], scaled Lab, the colors of the original source.
        valid: bool [h, w], False where the source is transparent.
        size: (rows, columns) of the source at working size.
    """

    level: int
    features: torch.Tensor
    compared: torch.Tensor
    colors: torch.Tensor
    valid: torch.Tensor
    size: Shape

    @classmethod
    def of(cls, level: int, source: WorkingImage, features: torch.Tensor, half: torch.Tensor | None) -> SourceLevel:
        """Puts the source on the grid of a level.

        Args:
            level: 5 (coarsest) to 1.
            source: the source at working size.
            features: int16 [h, w, C], features of the source as recolored so far.
            half: relu5_1 of the source at half its size; None as published.
        """
        grid = (features.shape[0], features.shape[1])
        return cls(level, features, compare_by(level, features, half), source.lab_on(grid), source.valid_on(grid), source.shape)

    @property
    def grid(self) -> Shape:
        """(h, w)."""
        return (self.valid.shape[0], self.valid.shape[1])

    @property
    def pixels_per_position(self) -> float:
        """d: working pixels per position of the grid."""
        return self.size[0] * self.size[1] / self.valid.numel()


def compare_by(level: int, features: torch.Tensor, half: torch.Tensor | None) -> torch.Tensor:
    """Returns the features by which patches are compared at a level: at the coarsest level, features of two scales (ours).

    Args:
        level: 5 (coarsest) to 1.
        features: int16 [h, w, C], features of the level.
        half: relu5_1 of the image at half its size; None as published.
    """
    return features if level < COARSEST or half is None else two_scales(features, half)
