"""Finds guides that cannot both be followed (ours)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..pixels.grids import nearest_cells
from .types import Guide, LabelMaps, Pin, Protect, RegionPair

_SAME_POINT, _OTHER_POINT = 0.01, 0.05  # of a side: as near as one click to another, and clearly another place
_MOST, _HARDLY = 0.5, 0.1  # shares of a region
_WHOLLY = 0.9


def check_contradictions(given: Sequence[Guide], guides: Sequence[Guide]) -> None:
    """Compares every two guides.

    Args:
        given: the guides as the caller named them, for messages.
        guides: the same in the form of :func:`nct_core.guides.check.checked`.

    Raises:
        InputError: two guides contradict each other; the message names both.
    """
    for (i, first), (j, second) in combinations(enumerate(guides), 2):
        why = _why(first, second) or _why(second, first)
        if why:
            raise InputError(
                f"expected guides that agree, but guide {i + 1} ({given[i]}) and guide {j + 1} ({given[j]}) contradict each other: {why}; remove one of them"
            )


def _why(first: Guide, second: Guide) -> str:
    """Why the two cannot both be followed; empty if they can. Pairs are compared in one order."""
    if isinstance(second, Protect):
        if isinstance(first, Pin) and _inside(first.source, second.mask):
            return "the point is to take other colors and to keep its own"
        if isinstance(first, RegionPair) and _part(first.source, _nearest(second.mask, first.source.shape)) > _WHOLLY:
            return "the region is to take other colors and to keep its own"
    elif isinstance(first, Pin) and isinstance(second, Pin):
        return _pins(first, second)
    elif isinstance(first, Pin) and isinstance(second, RegionPair):
        return _pin_and_pair(first, second)
    elif isinstance(first, Pin) and isinstance(second, LabelMaps) and first.number == second.number:
        own, theirs = _at(second.source, first.source), _at(second.reference, first.reference)
        return "" if own == theirs or not {own, theirs} <= _shared(second) else "the ends of the pin lie on different labels"
    elif isinstance(first, RegionPair) and isinstance(second, RegionPair):
        if _share(first.source, second.source) > _MOST:
            if first.number != second.number:
                return "one region of the source cannot go with two references"
            if _share(first.reference, second.reference) < _HARDLY:
                return "one region of the source cannot go with two regions"
    elif isinstance(first, LabelMaps) and isinstance(second, LabelMaps) and first.number == second.number:
        return "a reference has one pair of label maps"
    return ""


def _pins(first: Pin, second: Pin) -> str:
    if _distance(first.source, second.source) >= _SAME_POINT:
        return ""
    if first.number != second.number:
        return "one point of the source cannot go with two references"
    return "one point of the source cannot go with two places" if _distance(first.reference, second.reference) > _OTHER_POINT else ""


def _pin_and_pair(pin: Pin, pair: RegionPair) -> str:
    if not _inside(pin.source, pair.source):
        return ""
    if pin.number != pair.number:
        return "one place of the source cannot go with two references"
    return "" if _inside(pin.reference, pair.reference) else "only one end of the pin lies in the regions"


def _at(plane: NDArray[Any], point: tuple[float, float]) -> Any:
    return plane[int(point[0] * plane.shape[0]), int(point[1] * plane.shape[1])]


def _inside(point: tuple[float, float], mask: NDArray[Any]) -> bool:
    return bool(_at(mask, point) > 0.5)


def _nearest(plane: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    rows, columns = nearest_cells((shape[0], shape[1]), (plane.shape[0], plane.shape[1]))
    return plane[np.ix_(rows, columns)]


def _part(first: NDArray[Any], second: NDArray[Any]) -> float:
    """The part of the first region that lies in the second."""
    return float(np.minimum(first, second).sum() / first.sum())


def _share(first: NDArray[Any], second: NDArray[Any]) -> float:
    """The part of the smaller region that lies in the other."""
    return max(_part(first, second), _part(second, first))


def _distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second))


def _shared(maps: LabelMaps) -> set[int]:
    return set(np.intersect1d(maps.source, maps.reference).tolist())
