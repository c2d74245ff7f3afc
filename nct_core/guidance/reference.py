"""One reference: its features and orientation before matching, and its fields and guidance at each level (paper sections 3.1, 3.2)."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import torch

from ..features.pyramid import COARSEST, FeaturePyramid
from ..matching import coarsest
from ..matching.both_ways import search_both_ways
from ..matching.consistency import Fields
from ..matching.likeness import Likeness, likeness
from ..matching.patchmatch import plan
from ..pixels.working import WorkingImage
from ..runtime.progress import Advance, part, unwatched
from ..runtime.run import Run
from . import evidence, voting
from .source_level import SourceLevel, compare_by


@dataclass(frozen=True)
class Reference:
    """A reference before it is matched.

    Attributes:
        number: its number in the caller's order, counted from 0.
        image: the reference at working size; its mirror image where ``mirrored``.
        features: by level int16 [H, W, C], for all levels except the finest, whose features take the most memory and little time and are computed
            when they are matched. The features of a level are released after it.
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


def read(number: int, image: WorkingImage, network: FeaturePyramid, advance: Advance = unwatched) -> Reference:
    """Computes the features of a reference; the arguments are the attributes of :class:`Reference`."""
    digest = hashlib.sha256(image.rgb.cpu().numpy().tobytes() + image.valid.cpu().numpy().tobytes()).digest()
    return Reference(number, image, network(image.rgb, range(2, COARSEST + 1), advance), None, False, digest)


def oriented(reference: Reference, source_half: torch.Tensor, network: FeaturePyramid, advance: Advance = unwatched) -> Reference:
    """Mirrors the reference if the source matches its mirror image better, because patches are not like their mirror images (ours).

    Args:
        reference: the reference, not mirrored.
        source_half: relu5_1 of the source at half its size.
        network: computes features.
        advance: called during the comparison.
    """
    mirrored = reference.image.mirrored()
    as_is_half, mirrored_half = (network.half_size(image.rgb, advance) for image in (reference.image, mirrored))
    as_is_cost, mirrored_cost = (coarsest.mean_cost(coarsest.dissimilarities(source_half, half)) for half in (as_is_half, mirrored_half))
    if mirrored_cost >= as_is_cost:
        return dataclasses.replace(reference, half=as_is_half)
    features = network(mirrored.rgb, range(2, COARSEST + 1), advance)
    return dataclasses.replace(reference, image=mirrored, features=features, half=mirrored_half, mirrored=True)


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
        fields = search_both_ways(
            source.compared, compared, source.valid, valid, coarser,
            search=plan(source.level, max_side, run.params), resist=not run.params.as_published, seed=run.params.seed, kernels=run.backend.kernels,
            advance=searching,
        )  # fmt: skip
    guidance = voting.vote(
        source.features, features, source.colors, reference.image.lab_on(grid), fields, source.valid, valid,
        bds_weight=run.params.bds_weight, kernels=run.backend.kernels, advance=voting_part,
    )  # fmt: skip
    return fields, guidance
