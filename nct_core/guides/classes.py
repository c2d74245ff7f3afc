"""The guides between the source and one reference as classes of positions, and the features that they steer (ours).

A position p of the source belongs to each class k by s_k(p); the shares of all classes add up to 1, and class 0 is what no guide speaks of. A
position q of the reference is open to class k by c_k(q) in [0, 1]. sum_k s_k(p) c_k(q) is how far the guides allow p to be matched with q. It is a
dot product, so it can be appended to the features that are compared: vectors sqrt(1 - w) F beside sqrt(w) s and sqrt(w / N) c, N being the largest
squared length of c, with a last channel on either side that makes their length 1 again. The weight w makes a match that is not allowed dearer
than any difference of features, on every level and in both directions, and no kernel of the matching knows of it.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import torch

from ..features.fixed_point import UNIT
from ..pixels.grids import Shape
from ..pixels.resample import resize

# What is not allowed costs so much more than the largest difference of features.
_MARGIN = 1.25
# Rounding may lengthen vectors; sums of products have to fit into 31 bits.
_LENGTH = 0.995
_PRESENT = 0.5
_REFUSED = 0.5
_NEAR = 0.08  # of a side: so near to a pin's end a match agrees with it

Ends = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Classes:
    """The guides between the source and one reference.

    Attributes:
        source: float32 [h, w, K + 1], s on the source's working grid.
        reference: float32 [H, W, K + 1], c on the reference's.
        mutual: the guides without the pins, for the matches of the reference in the source; None if there are no others.
        pins: both ends of the pins, as shares of height and width in [0, 1]. Each has two of the last classes: first come all their objects,
            then the places around them.
        guided: float32 [h, w], [0, 1]: how far a guide speaks of each place of the source.
    """

    source: torch.Tensor
    reference: torch.Tensor
    guided: torch.Tensor
    pins: tuple[Ends, ...] = ()
    mutual: Classes | None = None

    def mirrored(self) -> Classes:
        """The guides between the source and the reference's mirror image."""
        pins = tuple((own, (row, 1.0 - column)) for own, (row, column) in self.pins)
        mutual = None if self.mutual is None else self.mutual.mirrored()
        return dataclasses.replace(self, reference=self.reference.flip(1), pins=pins, mutual=mutual)

    @property
    def _first(self) -> int:
        """The index of the first class that is a pin's. Pins speak of their part of the source only, and leave the reference free to be matched with others."""
        return self.source.shape[-1] - 2 * len(self.pins)

    def without_agreed(self, forward: torch.Tensor, to_grid: Shape) -> Classes:
        """Leaves out the pins that matches agree with already; that their places are guided remains.

        Args:
            forward: int32 [h', w', 2], a field from a grid of the source to one of the reference that no pin has steered.
            to_grid: (H', W') of the latter.
        """
        kept = [index for index, ends in enumerate(self.pins) if not _agrees(ends, forward, to_grid)]
        chosen = [self._first + layer * len(self.pins) + index for layer in (0, 1) for index in kept]
        pinned = self.source[..., chosen]
        base, open_to = self.source.new_ones((*self.source.shape[:2], 1)), self.reference.new_ones((*self.reference.shape[:2], 1))
        if self.mutual is not None:
            base, open_to = self.mutual.source, self.mutual.reference
        source = torch.cat([base * (1.0 - pinned.sum(-1, keepdim=True)).clamp_min(0.0), pinned], -1)
        reference = torch.cat([open_to, self.reference[..., chosen]], -1)
        return Classes(source, reference, self.guided, tuple(self.pins[index] for index in kept), self.mutual)

    @property
    def unpinned(self) -> Classes | None:
        """The guides that hold for the matches of the reference in the source too."""
        return self.mutual if self.pins else self

    def regions(self, colors: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each class but the pins, as float32 [h, w] in the source, and the mean of the reference's colors in it, float32 [3].

        Args:
            colors: float32 [H, W, 3], of the reference.
        """
        planes = range(1, self._first)
        weights = (self.reference[..., index, None].double() for index in planes)
        means = [(colors * weight).sum((0, 1)) / weight.sum().clamp_min(1e-6) for weight in weights]
        return [(self.source[..., index], mean.float()) for index, mean in zip(planes, means)]

    def refused(self, backward: torch.Tensor, grid: Shape) -> torch.Tensor:
        """Which positions of the reference have a match in the source that a pin does not allow them.

        Args:
            backward: int32 [H', W', 2], a field from a grid of the reference to one of the source.
            grid: (h', w') of the latter.

        Returns:
            bool [H', W'].
        """
        row, column = backward.long().unbind(-1)
        shares = _on(self.source[..., self._first :], grid)[row, column]
        closed = 1.0 - _on(self.reference[..., self._first :], (backward.shape[0], backward.shape[1]))
        return (shares * closed).sum(-1) > _REFUSED

    @property
    def feature_share(self) -> float:
        """1 - w, the share of the features in the square of a vector's length, and in a dot product."""
        return 1.0 / (1.0 + _MARGIN * self._longest)

    def with_source(self, features: torch.Tensor) -> torch.Tensor:
        """Appends the source's classes to its features.

        Args:
            features: int16 [h', w', C], what the source is compared by at any level.

        Returns:
            int16 [h', w', C + K + 3], vectors of length UNIT.
        """
        shares = _on(self.source, (features.shape[0], features.shape[1]))
        shares = shares / shares.sum(-1, keepdim=True).clamp_min(1.0)
        return self._appended(features, [shares, _rest(shares), torch.zeros_like(shares[..., :1])])

    def with_reference(self, features: torch.Tensor) -> torch.Tensor:
        """The same for the reference."""
        open_to = _on(self.reference, (features.shape[0], features.shape[1])) / self._longest
        open_to = open_to / open_to.norm(dim=-1, keepdim=True).clamp_min(1.0)
        return self._appended(features, [open_to, torch.zeros_like(open_to[..., :1]), _rest(open_to)])

    @functools.cached_property
    def _longest(self) -> float:
        return max(1.0, float(self.reference.square().sum(-1).max()) ** 0.5)

    def _appended(self, features: torch.Tensor, classes: list[torch.Tensor]) -> torch.Tensor:
        share = self.feature_share
        scaled = features.float() * (_LENGTH * share**0.5), torch.cat(classes, -1) * (_LENGTH * UNIT * (1.0 - share) ** 0.5)
        return torch.cat(scaled, -1).round().to(torch.int16)


def _agrees(ends: Ends, forward: torch.Tensor, to_grid: Shape) -> bool:
    """Whether the match of a pin's one end lies near its other end."""
    (row, column), target = ends
    match = forward[int(row * forward.shape[0]), int(column * forward.shape[1])].tolist()
    return all(abs((at + 0.5) / cells - wanted) < _NEAR for at, cells, wanted in zip(match, to_grid, target))


def _rest(vectors: torch.Tensor) -> torch.Tensor:
    """What is missing to length 1, [h, w, 1]."""
    return (1.0 - vectors.square().sum(-1, keepdim=True)).clamp_min(0.0).sqrt()


def _on(planes: torch.Tensor, grid: Shape) -> torch.Tensor:
    """The planes averaged over the cells of a grid; a region too small for any of its cells counts by half where it is largest."""
    if planes.shape[:2] == grid:
        return planes
    coarse = resize(planes, grid).clamp(0.0, 1.0)
    largest, present = coarse.amax((0, 1)), planes.amax((0, 1)) > _PRESENT
    return coarse * torch.where(present, _PRESENT / largest.clamp(1e-3, _PRESENT), torch.ones_like(largest))
