"""One reference: its features and orientation before matching, and its fields and guidance at each level (paper sections 3.1, 3.2)."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import torch

from ..features.pyramid import COARSEST, FeaturePyramid
from ..matching import coarsest
from ..matching.consistency import Fields, agreement
from ..matching.field import identity_field, move_to_valid, upsample_field
from ..matching.likeness import Likeness, likeness
from ..matching.patchmatch import patchmatch, plan
from ..pixels.grids import on_grid
from ..pixels.working import WorkingImage
from ..runtime.progress import Advance, part, unwatched
from ..runtime.run import Run
from . import evidence, voting
from .source_level import SourceLevel, compare_by

# Similarity that each cell of drift costs where the coarser level's matches agree fully (ours).
_RESISTANCE = 0.015


@dataclass(frozen=True)
class Reference:
    """A reference before it is matched.

    Attributes:
        number: its number in the caller's order, counted from 0.
        image: the reference at working size; its mirror image where ``mirrored``.
        features: by level int16 [H, W, C], for all levels except the finest, whose features take the most memory and
            little time and are computed when they are matched. The features of a level are released after it.
        half: relu5_1 of the image at half its size; None as published.
        mirrored: whether ``image`` is the mirror image of the caller's image.
        digest: SHA-256 of the content in the caller's orientation.
    """

    number: int
    image: WorkingImage
    features: dict[int, torch.Tensor]
    half: torch.Tensor | None
    mirrored: bool
    digest: bytes

    def release(self, level: int) -> None:
        """Drops the features of a level, which take the most memory and have been used."""
        self.features.pop(level, None)


def read(number: int, image: WorkingImage, network: FeaturePyramid, source_half: torch.Tensor | None, advance: Advance = unwatched) -> Reference:
    """Turns a reference the way round in which the source matches it better, and computes the features of that image only.

    Args:
        number, image: as in :class:`Reference`; the image as the caller gave it.
        network: computes features.
        source_half: relu5_1 of the source at half its size; None as published, where nothing is mirrored.
        advance: called as the features are computed.
    """
    digest = hashlib.sha256(image.rgb.cpu().numpy().tobytes() + image.valid.cpu().numpy().tobytes()).digest()
    half, mirrored = None, False
    if source_half is not None:
        image, half, mirrored = oriented(image, source_half, network, part(advance, 0.0, 0.3))
    return Reference(number, image, network.kept(image.rgb, range(2, COARSEST + 1), part(advance, 0.3, 1.0)), half, mirrored, digest)


def oriented(image: WorkingImage, source_half: torch.Tensor, network: FeaturePyramid, advance: Advance = unwatched) -> tuple[WorkingImage, torch.Tensor, bool]:
    """The image or its mirror image, whichever the source matches better, because patches are not like their mirror images (ours).

    Args:
        image: as the caller gave it.
        source_half: relu5_1 of the source at half its size.
        network: computes features.
        advance: called during the comparison.

    Returns:
        What is matched, its relu5_1 at half size, and whether it is the mirror image.
    """
    mirrored = image.mirrored()
    half, mirrored_half = network.half_size(image.rgb, part(advance, 0.0, 0.5)), network.half_size(mirrored.rgb, part(advance, 0.5, 1.0))
    cost, mirrored_cost = (coarsest.mean_cost(coarsest.dissimilarities(source_half, seen)) for seen in (half, mirrored_half))
    return (mirrored, mirrored_half, True) if mirrored_cost < cost else (image, half, False)


def explains(reference: Reference, source: torch.Tensor) -> torch.Tensor:
    """How well a reference explains each position of the source, before any level is matched.

    Args:
        reference: with the features of the two coarsest levels.
        source: :func:`nct_core.guidance.evidence.describe` of the source.

    Returns:
        float32 [h, w] on the source's grid of comparison, on the CPU.
    """
    described = evidence.describe(reference.features[COARSEST], reference.features[COARSEST - 1])
    return evidence.likeness(source, described, reference.image.valid_on((described.shape[0], described.shape[1])))


def compare(reference: Reference, source: SourceLevel, fields: Fields) -> Likeness:
    """How much the source and its matches in a reference are alike at the coarsest level, whose features the reference must still have."""
    return likeness(source.compared, compare_by(COARSEST, reference.features[COARSEST], reference.half), fields.forward)


def match(
    reference: Reference, source: SourceLevel, coarser: Fields | None, network: FeaturePyramid, run: Run, advance: Advance = unwatched
) -> tuple[Fields, voting.Guidance]:
    """Fields in both directions at a level, and what they vote for.

    Args:
        reference: what the source is matched to.
        source: the source at this level.
        coarser: the fields of the level above; None at the coarsest level.
        network: computes the features of the finest level.
        run: parameters and kernels.
        advance: called as the two fields improve and the votes are gathered.
    """
    features = reference.features[source.level] if source.level > 1 else network(reference.image.rgb, [1], part(advance, 0.0, 0.08))[1]
    grid = (features.shape[0], features.shape[1])
    valid, compared = reference.image.valid_on(grid), compare_by(source.level, features, reference.half)
    searching, voting_part = part(advance, 0.08, 0.92), part(advance, 0.92, 1.0)
    if source.level == COARSEST and not run.params.as_published:
        fields = coarsest.fields(source.compared, compared, source.valid, valid, searching)
    else:
        max_side = max(*source.size, *reference.image.shape)
        fields = _search(source, compared, valid, max_side, coarser, run, searching)
    guidance = voting.vote(
        source.features, features, source.colors, reference.image.lab_on(grid), fields, source.valid, valid,
        bds_weight=run.params.bds_weight, kernels=run.backend.kernels, advance=voting_part,
    )  # fmt: skip
    return fields, guidance


def _search(source: SourceLevel, compared: torch.Tensor, valid: torch.Tensor, max_side: int, coarser: Fields | None, run: Run, advance: Advance) -> Fields:
    """Both fields by PatchMatch, from the level above; what agrees there gives way only to what is clearly more alike (ours)."""
    grid, to_grid = source.grid, (valid.shape[0], valid.shape[1])
    resistance = to_resistance = None
    if coarser is None:
        forward, backward = identity_field(grid, to_grid, compared.device), identity_field(to_grid, grid, compared.device)
    else:
        forward = upsample_field(coarser.forward, grid, to_grid, coarser.grid)
        backward = upsample_field(coarser.backward, to_grid, grid, coarser.source_grid)
        if not run.params.as_published:
            resistance = on_grid(_RESISTANCE * coarser.agreement, grid)
            to_resistance = on_grid(_RESISTANCE * agreement(coarser.backward, coarser.forward), to_grid)
    search = plan(source.level, max_side, run.params)
    improve = functools.partial(patchmatch, search=search, seed=run.params.seed, kernels=run.backend.kernels)
    to_reference, to_source = part(advance, 0.0, 0.5), part(advance, 0.5, 1.0)
    return Fields(
        improve(source.compared, compared, move_to_valid(forward, valid), valid, resistance=resistance, advance=to_reference),
        improve(compared, source.compared, move_to_valid(backward, source.valid), source.valid, resistance=to_resistance, advance=to_source),
    )
