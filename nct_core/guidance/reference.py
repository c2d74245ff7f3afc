"""One reference: its features and orientation before matching, and its fields and guidance at each level (paper sections 3.1, 3.2)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..features.pyramid import COARSEST, FeaturePyramid
from ..guides.build import steer
from ..guides.classes import Classes
from ..guides.repair import repaired
from ..guides.spread import Scene
from ..guides.types import Guide
from ..matching import coarsest
from ..matching.both_ways import Direction, from_above, resistances, search_both_ways
from ..matching.consistency import Fields
from ..matching.likeness import Likeness, likeness
from ..matching.patchmatch import plan
from ..pixels.resample import resize
from ..pixels.working import WorkingImage
from ..runtime.progress import Advance, part, unwatched
from ..runtime.run import Run
from . import evidence, voting
from .source_level import SourceLevel, compare_by

_NEIGHBORS = ((0, 0), *((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right))


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
        classes: what the user says goes with what, for ``image``; None where nothing was said.
        unpinned: the fields of the coarsest level as they are without pins; None without any.
    """

    number: int
    image: WorkingImage
    features: dict[int, torch.Tensor]
    half: torch.Tensor | None
    mirrored: bool
    digest: bytes
    classes: Classes | None = None
    unpinned: Fields | None = None

    def release(self, level: int) -> None:
        """Drops the features of a level, which take the most memory and have been used."""
        self.features.pop(level, None)


def read(number: int, image: WorkingImage) -> Reference:
    """A reference as the caller gave it, without features yet; the arguments are attributes of :class:`Reference`."""
    digest = hashlib.sha256(image.rgb.cpu().numpy().tobytes() + image.valid.cpu().numpy().tobytes()).digest()
    return Reference(number, image, {}, None, False, digest)


def seen(reference: Reference, network: FeaturePyramid, advance: Advance = unwatched) -> Reference:
    """The reference with the features of its image, which are computed unless it has them."""
    if reference.features:
        return reference
    return dataclasses.replace(reference, features=network.kept(reference.image.rgb, range(2, COARSEST + 1), advance))


def steered(
    references: Sequence[Reference], guides: Sequence[Guide], source: WorkingImage, features: dict[int, torch.Tensor]
) -> tuple[list[Reference], torch.Tensor]:
    """Gives every reference the guides that speak of it (ours).

    Args:
        references: in any order, not mirrored, with the features of the three coarsest levels.
        guides: as :func:`nct_core.guides.check.checked` returns them.
        source: the source.
        features: its features of the three coarsest levels.

    Returns:
        The references in the same order, and float32 [n, h, w], [0, 1], for each of them how far the user gives a place to another one.
    """

    def scene(image: WorkingImage, levels: dict[int, torch.Tensor]) -> Scene:
        return Scene(image, (levels[COARSEST - 2], levels[COARSEST - 1], levels[COARSEST]))

    by_number = sorted(references, key=lambda reference: reference.number)
    steering = steer(guides, scene(source, features), [scene(reference.image, reference.features) for reference in by_number])
    given_away = steering.given_away[[reference.number for reference in references]]
    return [dataclasses.replace(reference, classes=steering.classes[reference.number]) for reference in references], given_away


def guided(references: Sequence[Reference], labels: torch.Tensor) -> torch.Tensor | None:
    """How far a guide speaks of each position of a grid and the reference that it has.

    Args:
        references: the references, by label.
        labels: uint8 [h, w], a label map.

    Returns:
        float32 [h, w], [0, 1]; None without guides.
    """
    planes = [None if reference.classes is None else reference.classes.guided for reference in references]
    known = next((plane for plane in planes if plane is not None), None)
    if known is None:
        return None
    stacked = torch.stack([torch.zeros_like(known) if plane is None else plane for plane in planes], -1)
    return resize(stacked, (labels.shape[0], labels.shape[1])).gather(-1, labels.long()[..., None])[..., 0].clamp(0.0, 1.0)


def oriented(reference: Reference, source_half: torch.Tensor, network: FeaturePyramid, advance: Advance = unwatched) -> Reference:
    """Mirrors the reference if the source matches its mirror image better, because patches are not like their mirror images (ours).

    Pins have no say: they speak of their objects, and mirroring changes all matches.

    Args:
        reference: the reference, not mirrored.
        source_half: relu5_1 of the source at half its size.
        network: computes features.
        advance: called during the comparison.

    Returns:
        What is matched; without features where it is mirrored.
    """
    mirrored = reference.image.mirrored()
    as_is_half, mirrored_half = network.half_size(reference.image.rgb, part(advance, 0.0, 0.5)), network.half_size(mirrored.rgb, part(advance, 0.5, 1.0))
    classes = None if reference.classes is None else reference.classes.mirrored()
    sides = ((as_is_half, reference.classes), (mirrored_half, classes))
    as_is_cost, mirrored_cost = (coarsest.mean_cost(coarsest.dissimilarities(*_compared(source_half, half, by and by.unpinned))) for half, by in sides)
    if mirrored_cost >= as_is_cost:
        return dataclasses.replace(reference, half=as_is_half)
    return dataclasses.replace(reference, image=mirrored, features={}, half=mirrored_half, mirrored=True, classes=classes)


def _compared(source: torch.Tensor, reference: torch.Tensor, classes: Classes | None) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The features of both sides as they are compared under the guides, and the share of their products that the features have."""
    if classes is None:
        return source, reference, 1.0
    return classes.with_source(source), classes.with_reference(reference), classes.feature_share


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
    """How much the source and its matches in a reference are alike at the coarsest level, whose features the reference must still have.

    Pins have no say: the evidence of all other places is then what it is without them (ours).
    """
    fields = reference.unpinned or fields
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
        fields = _coarsest(source, compared, valid, reference, searching)
    else:
        max_side = max(*source.size, *reference.image.shape)
        fields = _search(source, compared, valid, max_side, coarser, reference.classes, run, searching)
    counted, voters = (fields, valid) if reference.classes is None else _counted(fields, valid, reference.classes)
    guidance = voting.vote(
        source.features, features, source.colors, reference.image.lab_on(grid), counted, source.valid, voters,
        bds_weight=run.params.bds_weight * float(voters.sum() / valid.sum()), kernels=run.backend.kernels, advance=voting_part,
    )  # fmt: skip
    if source.level == COARSEST and reference.unpinned is not None:
        guidance = dataclasses.replace(guidance, agreement=reference.unpinned.agreement)
    return fields, guidance


def settled(reference: Reference, source: SourceLevel, advance: Advance = unwatched) -> Reference:
    """Leaves out the pins that the matches of the coarsest level agree with anyway (ours): their objects need no other matches.

    Args:
        reference: with the features of the coarsest level.
        source: the source at the coarsest level.
        advance: called during the work.
    """
    classes, features = reference.classes, reference.features[COARSEST]
    if classes is None or not classes.pins:
        return reference
    valid = reference.image.valid_on((features.shape[0], features.shape[1]))
    found = _steered_fields(source, compare_by(COARSEST, features, reference.half), valid, classes.unpinned, advance)
    return dataclasses.replace(reference, classes=classes.without_agreed(found.forward, found.grid), unpinned=found)


def _steered_fields(source: SourceLevel, compared: torch.Tensor, valid: torch.Tensor, classes: Classes | None, advance: Advance) -> Fields:
    """Both fields of the coarsest level under guides."""
    own, theirs, share = _compared(source.compared, compared, classes)
    return coarsest.fields(own, theirs, source.valid, valid, share, advance)


def _coarsest(source: SourceLevel, compared: torch.Tensor, valid: torch.Tensor, reference: Reference, advance: Advance) -> Fields:
    """Both fields of the coarsest level; pins steer the one from the source only."""
    if reference.unpinned is None:
        return _steered_fields(source, compared, valid, reference.classes, advance)
    if reference.classes is None or not reference.classes.pins:
        return reference.unpinned
    return Fields(_steered_fields(source, compared, valid, reference.classes, advance).forward, reference.unpinned.backward)


def _search(
    source: SourceLevel, compared: torch.Tensor, valid: torch.Tensor, max_side: int, coarser: Fields | None, classes: Classes | None, run: Run, advance: Advance
) -> Fields:
    """Both fields by PatchMatch, from the level above; what agrees there gives way only to what is clearly more alike (ours)."""
    grid, to_grid = source.grid, (valid.shape[0], valid.shape[1])
    own, theirs, share = _compared(source.compared, compared, classes)
    back_own, back_theirs, back_share = (own, theirs, share) if classes is None else _compared(source.compared, compared, classes.unpinned)
    start = from_above(coarser, grid, to_grid, compared.device)
    resistance = to_resistance = None
    if coarser is not None:
        if classes is not None:
            start = Fields(*repaired(start.forward, start.backward, classes))
        if not run.params.as_published:
            resistance, to_resistance = resistances(coarser, grid, to_grid, (share, back_share))
    forward, backward = Direction(own, theirs, valid, resistance), Direction(back_theirs, back_own, source.valid, to_resistance)
    return search_both_ways(
        start, forward, backward, search=plan(source.level, max_side, run.params), seed=run.params.seed, kernels=run.backend.kernels, advance=advance
    )


def _counted(fields: Fields, valid: torch.Tensor, classes: Classes) -> tuple[Fields, torch.Tensor]:
    """What votes where pins refuse matches of the reference: these positions vote where they are matched from, or not at all.

    Returns:
        The fields, and bool [H, W], the reference's positions that give votes.
    """
    if not classes.pins:
        return fields, valid
    (height, width), (rows, columns) = fields.source_grid, fields.grid
    refused = classes.refused(fields.backward, fields.source_grid)
    matched = torch.full((rows * columns,), -1, dtype=torch.int64, device=valid.device)
    flat = fields.forward[..., 0].long() * columns + fields.forward[..., 1].long()
    matched = matched.scatter_reduce(0, flat.flatten(), torch.arange(height * width, device=valid.device), "amax").reshape(rows, columns)
    backward, found = fields.backward.clone(), ~refused
    framed = F.pad(matched, (1, 1, 1, 1), value=-1)
    for down, right in _NEIGHBORS:  # a match one cell away, moved back by this cell
        by = framed[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]
        place = torch.stack([(by // width - down).clamp(0, height - 1), (by % width - right).clamp(0, width - 1)], -1).int()
        takes = ~found & (by >= 0)
        backward, found = torch.where(takes[..., None], place, backward), found | takes
    voters = valid & found
    return Fields(fields.forward, backward), voters if bool(voters.any()) else valid
