"""The kinds of guides: what the user says about a transfer (ours)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from numpy.typing import NDArray


@dataclass(frozen=True)
class Pin:
    """A point of the source goes with a point of a reference, and so do the objects under them.

    Attributes:
        source: (row, column), pixels of the source, counted from 0.
        reference: (row, column), pixels of the reference.
        number: which reference, counted from 0.

    Example:
        >>> Pin(source=(40, 310), reference=(22, 95)).number
        0
    """

    source: tuple[float, float]
    reference: tuple[float, float]
    number: int = 0

    def __str__(self) -> str:
        return f"pin {_point(self.source)}={_point(self.reference)}" + _at(self.number)


@dataclass(frozen=True, eq=False)
class RegionPair:
    """What lies in a region of the source is matched in a region of a reference only, and the other way round.

    Attributes:
        source: [H, W], uint8 in [0, 255], float in [0, 1] or bool: how far each pixel of the source belongs to the region. A mask of
            another size than its picture is scaled.
        reference: the same for the reference.
        number: which reference, counted from 0.
        name: what the pair is called in errors.

    Example:
        >>> import numpy as np
        >>> sky = np.zeros((20, 30), bool)
        >>> sky[:8] = True
        >>> str(RegionPair(sky, sky, name="sky"))
        "pair of regions 'sky'"
    """

    source: NDArray[Any]
    reference: NDArray[Any]
    number: int = 0
    name: str = ""

    def __str__(self) -> str:
        return "pair of regions" + _called(self.name) + _at(self.number)


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """Color-coded maps of the source and of a reference: equal labels are matched, as in Deep Photo Style Transfer [1]_.

    Attributes:
        source: uint8 [H, W, 3], colors, of which each channel is read as 0, 128 or 255, whichever is nearest; or integers [H, W]. A map of
            another size than its picture is scaled. Labels that only one of the maps has leave their places free.
        reference: the same for the reference.
        number: which reference, counted from 0.

    References:
        .. [1] F. Luan, S. Paris, E. Shechtman, K. Bala, "Deep photo style transfer", CVPR 2017.

    Example:
        >>> import numpy as np
        >>> str(LabelMaps(np.zeros((4, 6, 3), np.uint8), np.zeros((5, 5, 3), np.uint8), number=1))
        'label maps of reference 2'
    """

    source: NDArray[Any]
    reference: NDArray[Any]
    number: int = 0

    def __str__(self) -> str:
        return "label maps" + (_at(self.number) or " of reference 1")


@dataclass(frozen=True, eq=False)
class Protect:
    """A region of the source keeps its colors bit for bit; around it the new colors set in softly.

    Attributes:
        mask: [H, W], uint8 in [0, 255], float in [0, 1] or bool; what is more than half inside is kept. A mask of another size than the
            source is scaled.
        name: what the region is called in errors.

    Example:
        >>> import numpy as np
        >>> str(Protect(np.ones((4, 6), bool), name="face"))
        "protected region 'face'"
    """

    mask: NDArray[Any]
    name: str = ""

    def __str__(self) -> str:
        return "protected region" + _called(self.name)


Guide = Union[Pin, RegionPair, LabelMaps, Protect]


def _at(number: object) -> str:
    return f" of reference {number + 1}" if isinstance(number, int) and number else ""


def _called(name: str) -> str:
    return f" '{name}'" if name else ""


def _point(point: object) -> str:
    """A point as X,Y; whatever else it is as it is."""
    if isinstance(point, (tuple, list)) and len(point) == 2 and all(isinstance(at, (int, float)) for at in point):
        return f"{point[1]:g},{point[0]:g}"
    return f"{point}"
