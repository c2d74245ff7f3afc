"""One reference through the levels: its features, the fields in both directions and what they vote for (paper sections 3.1, 3.2)."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.params import TransferParams
from ..features.pyramid import COARSEST, FeaturePyramid
from ..matching import coarsest
from ..matching.consistency import agreement
from ..matching.field import Field, identity_field, move_to_valid, upsample_field
from ..matching.patchmatch import patchmatch, plan
from ..pixels.grids import Shape, on_grid
from ..pixels.working import WorkingImage
from ..runtime.progress import Advance, part, unwatched
from . import evidence, voting
from .source_level import SourceLevel, compare_by

# Similarity that every cell of drift costs where the coarser level's matches agree wholly (ours).
_RESISTANCE = 0.015


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

    forward: Field
    """int32 [h, w, 2], source to reference, on the grids of the level matched last."""
    backward: Field
    """int32 [H, W, 2], reference to source."""
    grid: Shape
    """(H, W) of the reference at the level matched last."""
    _agreeing: torch.Tensor
    """float32 [h, w], how far the matches of that level agree."""

    def __init__(self, number: int, name: str, image: WorkingImage, pyramid: FeaturePyramid, advance: Advance = unwatched) -> None:
        self.number, self.name, self.image = number, name, image
        self.digest = hashlib.sha256(image.rgb.cpu().numpy().tobytes() + image.valid.tobytes()).digest()
        """Of its content."""
        self._pyramid = pyramid
        self._features = pyramid(image.rgb, range(2, COARSEST + 1), advance)
        self.mirrored = False
        """Whether ``image`` is the mirror image of what the caller gave."""
        self._half: torch.Tensor | None = None
        self._source_grid: Shape = (0, 0)

    def orient(self, source_half: torch.Tensor, advance: Advance = unwatched) -> None:
        """Mirrors the reference for good if the source matches it better so, since a scene's patches and their mirror images are not alike (ours).

        Args:
            source_half: relu5_1 of the source at half its size.
            advance: called as both are compared.
        """
        mirrored = self.image.mirrored()
        halves = [self._pyramid.half_size(image.rgb, advance) for image in (self.image, mirrored)]
        as_is, other = (coarsest.mean_cost(coarsest.dissimilarities(source_half, half)) for half in halves)
        self.mirrored = other < as_is
        self._half = halves[self.mirrored]
        if self.mirrored:
            self.image = mirrored
            self._features = self._pyramid(self.image.rgb, range(2, COARSEST + 1), advance)

    def match(self, source: SourceLevel, params: TransferParams, advance: Advance = unwatched) -> voting.Guidance:
        """Fields in both directions, started from the level above, and what they vote for.

        Args:
            source: the levels have to come from coarse to fine, none left out.
            params: of the transfer.
            advance: called as the two fields improve and the votes are gathered.
        """
        features = self._take_features(source.level, part(advance, 0.0, 0.08))
        valid = self.image.valid_on((features.shape[0], features.shape[1]))
        compared = compare_by(source.level, features, self._half)
        searching, voting_part = part(advance, 0.08, 0.92), part(advance, 0.92, 1.0)
        if source.level == COARSEST and not params.as_published:
            self.forward, self.backward = coarsest.fields(source.compared, compared, source.valid, valid, searching)
        else:
            self._search(source, compared, valid, params, searching)
        guidance = voting.vote(
            source.features, features, source.colors, self.image.lab_on((valid.shape[0], valid.shape[1])), self.forward, self.backward, source.valid, valid,
            bds_weight=params.bds_weight, advance=voting_part,
        )  # fmt: skip
        self.grid, self._source_grid, self._agreeing = (valid.shape[0], valid.shape[1]), source.grid, guidance.agreement
        return guidance

    def _search(self, source: SourceLevel, compared: torch.Tensor, valid: NDArray[np.bool_], params: TransferParams, advance: Advance) -> None:
        """Both fields by PatchMatch, from the level above; what agrees there gives way only to what is clearly more alike (ours)."""
        grid, to_grid = source.grid, (valid.shape[0], valid.shape[1])
        resistance = to_resistance = None
        if source.level == COARSEST:
            forward, backward = identity_field(grid, to_grid, compared.device), identity_field(to_grid, grid, compared.device)
        else:
            forward = upsample_field(self.forward, grid, to_grid, self.grid)
            backward = upsample_field(self.backward, to_grid, grid, self._source_grid)
            if not params.as_published:
                resistance = on_grid(_RESISTANCE * self._agreeing, grid)
                to_resistance = on_grid(_RESISTANCE * agreement(self.backward, self.forward), to_grid)
        search = plan(source.level, max(*source.size, *self.image.shape), params)
        improve = functools.partial(patchmatch, search=search, seed=params.seed)
        one, other = part(advance, 0.0, 0.5), part(advance, 0.5, 1.0)
        self.forward = improve(source.compared, compared, move_to_valid(forward, valid), valid, resistance=resistance, advance=one)
        self.backward = improve(compared, source.compared, move_to_valid(backward, source.valid), source.valid, resistance=to_resistance, advance=other)

    def evidence(self, source: torch.Tensor) -> NDArray[np.float32]:
        """How well this reference explains each position of the source, before any level is matched.

        Args:
            source: the source's :func:`nct_core.guidance.evidence.describe`.

        Returns:
            float32 [h, w] on the source's grid of comparison.
        """
        described = evidence.describe(self._features[COARSEST], self._features[COARSEST - 1])
        return evidence.likeness(source, described, self.image.valid_on((described.shape[0], described.shape[1])))

    def _take_features(self, level: int, advance: Advance) -> torch.Tensor:
        return self._features.pop(level) if level > 1 else self._pyramid(self.image.rgb, [1], advance)[1]
