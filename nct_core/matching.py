"""One reference through the levels: its features, the fields in both directions and what they vote for (paper sections 3.1, 3.2)."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from . import likeness, nnf, voting
from .advance import Advance, part, unwatched
from .features import COARSEST, FeaturePyramid
from .params import TransferParams
from .patchmatch import patchmatch, plan
from .working import WorkingImage


@dataclass(frozen=True)
class SourceLevel:
    """The source on the grid of one level; computed once and shared by all references.

    Attributes:
        level: 5 (coarsest) to 1.
        features: int16 [h, w, C], of the source as it is recoloured so far.
        compared: int16 [h, w, C'], what patches are compared by: the features, or those of two scales.
        colors: float32 [h, w, 3], scaled Lab, of the source itself.
        valid: bool [h, w], False where the source is transparent.
        size: (rows, columns) of the source at working size.
    """

    level: int
    features: torch.Tensor
    compared: torch.Tensor
    colors: torch.Tensor
    valid: NDArray[np.bool_]
    size: nnf.Shape

    @property
    def grid(self) -> nnf.Shape:
        """(h, w)."""
        return (self.valid.shape[0], self.valid.shape[1])

    @property
    def pixels_per_position(self) -> float:
        """d: working pixels per position of the grid."""
        return self.size[0] * self.size[1] / self.valid.size


def compare_by(
    level: int, features: torch.Tensor, image: WorkingImage, params: TransferParams, pyramid: FeaturePyramid, advance: Advance = unwatched
) -> torch.Tensor:
    """What the patches of an image with these features are compared by at a level: at the coarsest, features of two scales (ours)."""
    return features if level < COARSEST or params.as_published else pyramid.two_scales(image.rgb, features, advance)


class Reference:
    """A reference and its fields, which go from level to level.

    Args:
        number: which one it is, counted from 0 as the caller gave them.
        name: what it is called in messages.
        image: at working size.
        pyramid: the network. Features of all levels but the finest are computed here; those of the finest take the most memory and
            next to no time, and are computed when they are matched.
        advance: called as they are computed.
    """

    forward: nnf.Field
    """int32 [h, w, 2], source to reference, on the grids of the level matched last."""
    backward: nnf.Field
    """int32 [H, W, 2], reference to source."""
    grid: nnf.Shape
    """(H, W) of the reference at the level matched last."""

    def __init__(self, number: int, name: str, image: WorkingImage, pyramid: FeaturePyramid, advance: Advance = unwatched) -> None:
        self.number, self.name, self.image = number, name, image
        self.digest = hashlib.sha256(image.rgb.cpu().numpy().tobytes() + image.valid.tobytes()).digest()
        """Of its content."""
        self._pyramid = pyramid
        self._features = pyramid(image.rgb, range(2, COARSEST + 1), advance)
        self._source_grid: nnf.Shape = (0, 0)

    def match(self, source: SourceLevel, params: TransferParams, advance: Advance = unwatched) -> voting.Guidance:
        """Fields in both directions, started from the level above, and what they vote for.

        Args:
            source: the levels have to come from coarse to fine, none left out.
            params: of the transfer.
            advance: called as the two fields improve and the votes are gathered.
        """
        features = self._take_features(source.level, part(advance, 0.0, 0.04))
        grid, to_grid = source.grid, (features.shape[0], features.shape[1])
        to_valid = self.image.valid_on(to_grid)
        compared = compare_by(source.level, features, self.image, params, self._pyramid, part(advance, 0.04, 0.08))
        if source.level == COARSEST:
            forward, backward = nnf.identity(grid, to_grid, features.device), nnf.identity(to_grid, grid, features.device)
        else:
            forward = nnf.upsample(self.forward, grid, to_grid, self.grid)
            backward = nnf.upsample(self.backward, to_grid, grid, self._source_grid)
        search = plan(source.level, max(*source.size, *self.image.shape), params)
        improve = functools.partial(patchmatch, search=search, seed=params.seed)
        self.forward = improve(source.compared, compared, nnf.to_valid(forward, to_valid), to_valid, advance=part(advance, 0.08, 0.5))
        self.backward = improve(compared, source.compared, nnf.to_valid(backward, source.valid), source.valid, advance=part(advance, 0.5, 0.92))
        self.grid, self._source_grid = to_grid, grid
        return voting.vote(
            source.features, features, source.colors, self.image.lab_on(to_grid), self.forward, self.backward, source.valid, to_valid,
            bds_weight=params.bds_weight, advance=part(advance, 0.92, 1.0),
        )  # fmt: skip

    def evidence(self, source: torch.Tensor) -> NDArray[np.float32]:
        """How well this reference explains each position of the source, before any level is matched.

        Args:
            source: the source's :func:`nct_core.likeness.describe`.

        Returns:
            float32 [h, w] on the source's grid of comparison.
        """
        described = likeness.describe(self._features[COARSEST], self._features[COARSEST - 1])
        return likeness.likeness(source, described, self.image.valid_on((described.shape[0], described.shape[1])))

    def _take_features(self, level: int, advance: Advance) -> torch.Tensor:
        return self._features.pop(level) if level > 1 else self._pyramid(self.image.rgb, [1], advance)[1]
