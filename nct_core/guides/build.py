"""Checked guides and images at working size -> what the guides say of each reference (ours)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .classes import Classes
from .spread import Scene, around, spread
from .types import Guide, LabelMaps, Pin, RegionPair

# The objects of pins: what is guided is found with care, what it may be matched with generously.
_SOURCE_REACH, _REFERENCE_REACH = 1.2, 1.8
_PLACE = 0.025  # of the longer side: around a pin matches lead to its other end, not only to the object there

_Pair = tuple[torch.Tensor, torch.Tensor]  # a class on the source's and on the reference's working grid


@dataclass(frozen=True)
class Steering:
    """What the guides say of all references.

    Attributes:
        classes: for each reference, in the caller's order; None where no guide speaks of it.
        given_away: float32 [n, h, w], [0, 1], on the source's working grid: how far the guides give a place to another reference than this one.
    """

    classes: tuple[Classes | None, ...]
    given_away: torch.Tensor


def steer(guides: Sequence[Guide], source: Scene, references: Sequence[Scene]) -> Steering:
    """Turns guides into planes.

    Args:
        guides: as :func:`nct_core.guides.check.checked` returns them.
        source: the source.
        references: the references in the caller's order, as they are, not mirrored.

    Returns:
        The planes, on the device of the images.
    """
    classes, chosen, lacking = [], [], []
    for number, reference in enumerate(references):
        mine = [guide for guide in guides if isinstance(guide, (Pin, RegionPair, LabelMaps)) and guide.number == number]
        labels, lacks = _labels(mine, source, reference)
        pairs, pins = _pairs(mine, source, reference), _pins(mine, source, reference)
        mutual = _composed(source, reference, labels, pairs) if labels or pairs else None
        ends = tuple((guide.source, guide.reference) for guide in mine if isinstance(guide, Pin))
        classes.append(dataclasses.replace(_composed(source, reference, labels, pairs, pins), pins=ends, mutual=mutual) if ends else mutual)
        nothing = torch.zeros(source.image.shape, device=source.image.lab.device)
        chosen.append(sum((plane for plane, _ in (*pairs, *pins[0], *pins[1])), nothing).clamp(0.0, 1.0))
        lacking.append(nothing if lacks is None else lacks)
    has_label = 1.0 - torch.stack(lacking).amin(0)
    given_away = [
        torch.stack([*chosen[:number], *chosen[number + 1 :], torch.minimum(lacks, has_label)]).amax(0) * (1.0 - own)
        for number, (lacks, own) in enumerate(zip(lacking, chosen))
    ]
    return Steering(tuple(classes), torch.stack(given_away))


def _composed(source: Scene, reference: Scene, labels: list[_Pair], pairs: list[_Pair], pins: Sequence[list[_Pair]] = ()) -> Classes:
    """Puts the guides of one reference over each other: pairs over labels, the objects of pins over both, and the places of pins over all."""
    none = torch.ones(source.image.shape, device=source.image.lab.device)
    open_to_all = torch.ones(reference.image.shape, device=reference.image.lab.device)
    shares, open_to = [none - sum(plane for plane, _ in labels), *(plane for plane, _ in labels)], [open_to_all, *(plane for _, plane in labels)]
    for over, exclusive in ((pairs, True), *((layer, False) for layer in pins)):
        total = sum((plane for plane, _ in over), torch.zeros_like(none))
        scale = 1.0 / total.clamp_min(1.0)
        shares = [plane * (1.0 - total * scale) for plane in shares] + [plane * scale for plane, _ in over]
        if exclusive:
            for _, taken in over:
                open_to = [plane * (1.0 - taken) for plane in open_to]
        open_to += [plane for _, plane in over]
    own, theirs = (torch.stack(side, -1).clamp(0.0, 1.0) for side in (shares, open_to))
    return Classes(own, theirs, 1.0 - own[..., 0])


def _labels(guides: Sequence[Guide], source: Scene, reference: Scene) -> tuple[list[_Pair], torch.Tensor | None]:
    """The places of the labels that both maps have, and where the source has a label that the reference lacks."""
    for guide in guides:
        if isinstance(guide, LabelMaps):
            shared = np.intersect1d(guide.source, guide.reference).tolist()
            pairs = [(_plane(guide.source == label, source), _plane(guide.reference == label, reference)) for label in shared]
            return pairs, 1.0 - sum((plane for plane, _ in pairs), torch.zeros_like(pairs[0][0]))
    return [], None


def _pairs(guides: Sequence[Guide], source: Scene, reference: Scene) -> list[_Pair]:
    return [(_plane(guide.source, source), _plane(guide.reference, reference)) for guide in guides if isinstance(guide, RegionPair)]


def _pins(guides: Sequence[Guide], source: Scene, reference: Scene) -> tuple[list[_Pair], list[_Pair]]:
    """The objects under the pins, and the places around them."""
    pins = [guide for guide in guides if isinstance(guide, Pin)]
    if not pins:
        return [], []
    points, targets = [pin.source for pin in pins], [pin.reference for pin in pins]
    objects = zip(spread(source, points, _SOURCE_REACH), spread(reference, targets, _REFERENCE_REACH))
    places = zip(around(source, points, _PLACE), around(reference, targets, _PLACE))
    return list(objects), list(places)


def _plane(mask: NDArray[np.generic], scene: Scene) -> torch.Tensor:
    return torch.from_numpy(mask.astype(np.float32)).to(scene.image.lab.device)
