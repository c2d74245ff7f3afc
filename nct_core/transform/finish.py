"""What is done to the transform after the finest level: the local recoloring departs from the reference's look only as far as matches are alike (ours).

The coarse-to-fine transform gives every place the colors of its match, right or wrong. Beside it stands the look of the reference
(:mod:`nct_core.look`), one smooth table for the whole picture, which is never far wrong. Three kinds of evidence choose between them, place by place:

- the likeness of matched places (:mod:`nct_core.matching.likeness`), as absolute figures;
- the grade that the reference carries: where it is strong, the colors of the reference are its look and not its objects', and only what is
  surely alike departs from the look;
- the agreement of matches (:mod:`nct_core.matching.consistency`): where they are true, nothing else is to be done to the guidance.

Then differences that the recoloring lost are given back, and the ends of the tone range go to the reference's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..look.estimate import predict_look, safe_look
from ..look.grade_size import grade_size
from ..look.statistics import color_statistics
from ..look.table import Look, to_lab
from ..matching.likeness import Likeness
from ..pixels.guided_filter import along_edges
from ..pixels.lab import srgb_to_lab
from ..pixels.resample import box_mean
from ..runtime.progress import Advance, unwatched
from .coefficients import recolor
from .image_fit import coefficients_of
from .region_means import Regions, move_region_means
from .separation import separate
from .tone_ends import move_tone_ends

# Structure counts so much beside similarity, about a middling value.
_STRUCTURE_SHARE, _MIDDLING_STRUCTURE = 0.35, 0.6
# Likeness from which a place takes its match's colors rather than the look: for a reference without a grade, and how much more for one with a strong one.
_LEAST_LIKENESS, _MORE_FOR_A_GRADE, _LIKENESS_WIDTH = 0.18, 0.30, 0.03
# A grade counts as strong from this size on (CIE76 units); the width is of its logarithm.
_STRONG_GRADE, _GRADE_WIDTH = 8.0, 0.2
# Mean likeness between which the look begins to take on the reference's palette too, and how far it goes.
_PALETTE_FROM, _PALETTE_RANGE, _PALETTE = 0.15, 0.20, 0.4
ENDS = 0.5
"""Share of the way that the look's ends of the tone range go to the reference's."""
TONE_ENDS = 0.95
"""And the result's, where matches are not sure."""
# The confidence: logistic in similarity and agreement. Set by hand on three pairs with known correspondences, see benchmarks/quality.md.
_AGREEMENT_SHARE, _EVEN_CHANCE, _CHANCE_WIDTH = 0.35, 0.66, 0.07
_REGION_MEANS = 0.5  # of the way that the mean colors of paired regions go to their counterparts'
_SURE_OF_A_GUIDE = 0.95  # the confidence of a match that a guide asks for
_LAB_METRIC = (1.0, 2.55, 2.55)  # scaled Lab to CIE Lab over 100, without its shift


@dataclass(frozen=True)
class Evidence:
    """What the coarsest level tells of the matches.

    Attributes:
        likeness: of matched places, on the source's coarsest grid.
        agreement: float32 [h, w], [0, 1], how far matches agree there.
        guided: float32 [H, W], [0, 1], on the working grid: how far the user has said what a place goes with, so that its match counts
            whatever the other evidence says; None where nothing was said.
        regions: the regions that the user has paired, on the working grid; None if there are none.
    """

    likeness: Likeness
    agreement: torch.Tensor
    guided: torch.Tensor | None = None
    regions: Regions | None = None


@dataclass(frozen=True)
class Colors:
    """Pixels that stand for the pictures, float64 [N, 3], sRGB in [0, 1] (see :func:`nct_core.look.statistics.sample_pixels`)."""

    source: NDArray[np.float64]
    reference: NDArray[np.float64]


@dataclass(frozen=True)
class Finished:
    """The transform, and how sure its matches are.

    Attributes:
        coefficients: float32 [H, W, 6], on the working grid.
        confidence: float32 [H, W], [0, 1], the probability that a place's match is the true one.
        limit: why the look is less than what was asked for (see :class:`nct_core.look.Look`); "" if it is not.
    """

    coefficients: torch.Tensor
    confidence: torch.Tensor
    limit: str


def finish(
    rgb: torch.Tensor, lab: torch.Tensor, coefficients: torch.Tensor, evidence: Evidence, colors: Colors, content: float, advance: Advance = unwatched
) -> Finished:
    """Settles between the local transform and the look, gives back what was lost, and sets the ends of the tone range.

    Args:
        rgb: float32 [H, W, 3], the source, sRGB in [0, 1].
        lab: float32 [H, W, 3], the same in scaled Lab.
        coefficients: float32 [H, W, 6], the transform of the finest level.
        evidence: of the matches.
        colors: of the source, and of the references as far as they are used.
        content: 0 is the look alone, 1 the matches' colors everywhere, 0.5 what the evidence says.
        advance: called between the steps of the work.

    Returns:
        The finished transform.
    """
    lightness = lab[..., 0].contiguous()
    alike = evidence.likeness.similarity + _STRUCTURE_SHARE * (evidence.likeness.structure - _MIDDLING_STRUCTURE)
    chance = torch.sigmoid((evidence.likeness.similarity + _AGREEMENT_SHARE * evidence.agreement - _EVEN_CHANCE) / _CHANCE_WIDTH)
    confidence = along_edges(chance[None], lightness)[0]
    table = predict_look(colors.source, colors.reference)
    plain = safe_look(table, colors.source, colors.reference, ends=0.0)
    graded = _graded(plain, colors)
    advance(0.3)
    alike = box_mean(alike[None], 1)[0]
    departs = torch.sigmoid((alike - _LEAST_LIKENESS - _MORE_FOR_A_GRADE * graded) / _LIKENESS_WIDTH)
    departs = along_edges(departs[None], lightness)[0]
    if evidence.guided is not None:
        departs = torch.maximum(departs, evidence.guided)
    departs = departs * min(1.0, 2.0 * content)
    departs = departs + (1.0 - departs) * max(0.0, 2.0 * content - 1.0)
    share = min(1.0, max(0.0, (float(alike.mean()) - _PALETTE_FROM) / _PALETTE_RANGE))
    palette = _PALETTE * (1.0 - graded) * share * min(1.0, 2.0 * content)

    metric = torch.tensor(_LAB_METRIC, device=lab.device)
    look, toward = (_looked(rgb, safe_look(table, colors.source, colors.reference, ends=ENDS, palette=share)) * metric for share in (0.0, palette))
    advance(0.6)
    local = recolor(coefficients, lab).clamp(0, 1) * metric
    mixed = toward + departs[..., None] * (local - toward)
    unsure = 1.0 - confidence * confidence
    lost = unsure * (1.0 - float(confidence.mean()) ** 2)  # two views of one place: what the matches say is so, also where a few are wrong
    result = separate(mixed, look, lost) / metric
    advance(0.9)
    low, high = np.quantile(to_lab(colors.reference)[:, 0] / 100.0, [0.01, 0.99])
    result[..., 0] = move_tone_ends(result[..., 0], (float(low), float(high)), TONE_ENDS * float(unsure.mean()))
    if evidence.regions is not None:
        result = move_region_means(result, evidence.regions, _REGION_MEANS * min(1.0, 2.0 * content))
    if evidence.guided is not None:  # only now: what the guides say of some places changes nothing of the others
        confidence = torch.maximum(confidence, _SURE_OF_A_GUIDE * evidence.guided)
    return Finished(coefficients_of(result.clamp(0, 1), lab), confidence, plain.limit)


def _graded(look: Look, colors: Colors) -> float:
    """How surely the reference carries a grade, [0, 1]: by the size that its colors suggest, and by that of the look that was found."""
    moved = to_lab(look.apply(colors.source.astype(np.float32))) - to_lab(colors.source)
    found, suggested = float(np.linalg.norm(moved, axis=-1).mean()), grade_size(color_statistics(colors.reference))
    size = 0.5 * (math.log(max(found, 0.03)) + math.log(max(suggested, 0.3)))
    return 1.0 / (1.0 + math.exp(-(size - math.log(_STRONG_GRADE)) / _GRADE_WIDTH))


def _looked(rgb: torch.Tensor, look: Look) -> torch.Tensor:
    """The source in a look, float32 [H, W, 3], scaled Lab."""
    return srgb_to_lab(torch.from_numpy(look.apply(rgb.cpu().numpy()))).to(rgb.device)
