"""The coarse-to-fine loop of an analogy: fields, and the features of the two unknown pictures (analogy paper sections 4.2 to 4.4).

Of the four pictures A : A' :: B : B', A is the source and B' the style. A' is the source's content in the style's texture and colors, B the style's content in
the source's. The fields lead from A and A' to B and B', and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..contract.analogy_params import AnalogyParams
from ..contract.texts import Text
from ..features.fixed_point import fixed_point
from ..features.pyramid import COARSEST
from ..features.raw import LevelNetwork
from ..matching.both_ways import Direction, from_above, resistances, search_both_ways
from ..matching.consistency import Fields
from ..matching.field import Field, upsample_field
from ..matching.patchmatch import Search
from ..pixels.grids import Shape
from ..pixels.working import WorkingImage
from ..runtime.backend import Backend
from ..runtime.progress import Advance, Stages, part
from . import coarsest
from .deconvolution import deconvolve
from .votes import vote

# Share of the own features where the network responds, by the level that they are for [P].
_OWN_SHARE = {4: 0.8, 3: 0.7, 2: 0.6, 1: 0.1}
_STEEPNESS, _RESPONSE = 300.0, 0.05  # kappa and tau of the sigmoid of the response [P]
_RADII = {4: 6, 3: 6, 2: 4, 1: 4}  # of the random search, in cells [P]
_REACH = 32  # cells by which a match may move away from that of the level above (ours; the program has no limit)
_START_RADIUS = 1
# What the levels cost, in hundredths of an analogy.
LEVEL_COSTS = {5: 17.0, 4: 20.0, 3: 18.0, 2: 25.0, 1: 12.0}


@dataclass(frozen=True)
class Side:
    """One of the two given pictures, and what is known of its unknown counterpart.

    Attributes:
        image: the picture at working size.
        features: by level float32 [1, C, h, w], of the picture.
    """

    image: WorkingImage
    features: dict[int, torch.Tensor]

    def valid(self, level: int) -> torch.Tensor:
        """Which cells of a level's grid contain enough of the picture, bool [h, w]."""
        return self.image.valid_on(_grid(self.features[level]))


def find_fields(source: Side, style: Side, network: LevelNetwork, params: AnalogyParams, at: Backend, stages: Stages) -> Fields:
    """Goes through all levels, coarse to fine; returns the fields of the finest.

    Args:
        source, style: A and B'.
        network: the network cut at its taps.
        params: parameters of the method.
        at: the device that computes.
        stages: reports progress.
    """
    stages.begin(LEVEL_COSTS[COARSEST], Text("matching", 1, COARSEST))
    coarse = [_unit(side.features[COARSEST]) for side in (source, style)]
    fields = coarsest.fields(coarse[0], coarse[1], source.valid(COARSEST), style.valid(COARSEST), stages.advance)
    for level in range(COARSEST - 1, 0, -1):
        stages.begin(LEVEL_COSTS[level], Text("matching", COARSEST + 1 - level, COARSEST))
        drawn = _carry_down(source, style, fields.forward, level, network, params, part(stages.advance, 0.0, 0.4))
        back = _carry_down(style, source, fields.backward, level, network, params, part(stages.advance, 0.4, 0.8))
        own, theirs = _pair(source.features[level], drawn), _pair(back, style.features[level])
        grid, to_grid = _grid(source.features[level]), _grid(style.features[level])
        resistance, to_resistance = resistances(fields, grid, to_grid)
        forward, backward = Direction(own, theirs, style.valid(level), resistance), Direction(theirs, own, source.valid(level), to_resistance)
        search = Search(_halved(_RADII[level]), _REACH, params.patchmatch_iterations)
        fields = search_both_ways(
            from_above(fields, grid, to_grid, at.device), forward, backward, search=search, seed=params.seed, kernels=at.kernels,
            advance=part(stages.advance, 0.8, 1.0),
        )  # fmt: skip
    return fields


def _carry_down(own: Side, other: Side, field: Field, level: int, network: LevelNetwork, params: AnalogyParams, advance: Advance) -> torch.Tensor:
    """The features of the unknown counterpart of ``own`` at a level, from the field of the level above: float32 [1, C, h, w].

    Args:
        own, other: A and B', or B' and A.
        field: from own to other, on the grid of ``level + 1``.
        level: 4 to 1.
        network: the network cut at its taps.
        params: parameters of the method.
        advance: called during the work.
    """
    row, col = field.long().unbind(-1)
    warped = other.features[level + 1][:, :, row, col].contiguous(memory_format=torch.channels_last)
    finer = own.features[level]
    grid, to_grid = _grid(finer), _grid(other.features[level])
    near = upsample_field(field, grid, to_grid, _grid(other.features[level + 1]))
    start = vote(near, own.valid(level), _rows(other.features[level]), other.valid(level), grid, radius=_START_RADIUS)
    found = deconvolve(network.between(level + 1), warped, start.permute(2, 0, 1)[None], params.deconvolution_steps, advance)
    share = _OWN_SHARE[level] * own_weight(finer)
    return found + share * (finer - found)


def own_weight(features: torch.Tensor) -> torch.Tensor:
    """M: how far each position responds to the network's filters at all, float32 [1, 1, h, w], [0, 1], of float32 [1, C, h, w]."""
    response = features.square().sum(1, keepdim=True)
    low, high = response.min(), response.max()
    return torch.sigmoid(_STEEPNESS * ((response - low) / (high - low).clamp_min(1e-12) - _RESPONSE))


def _pair(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Two maps of features side by side, each scaled to unit length: int16 [h, w, 2 C]."""
    return fixed_point(torch.cat([_unit(first), _unit(second)], -1))


def _unit(features: torch.Tensor) -> torch.Tensor:
    """Scaled to unit length: int16 [h, w, C]."""
    return fixed_point(_rows(features)).contiguous()


def _rows(features: torch.Tensor) -> torch.Tensor:
    return features[0].permute(1, 2, 0)


def _grid(features: torch.Tensor) -> Shape:
    return (features.shape[2], features.shape[3])


def _halved(radius: int) -> tuple[int, ...]:
    return tuple(radius >> i for i in range(radius.bit_length()))
