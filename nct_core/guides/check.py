"""Checks guides against the pictures they speak of (ours)."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..pixels.grids import Shape, nearest_cells
from ..pixels.resample import resize
from ..pixels.working import working_shape
from .contradictions import check_contradictions
from .label_maps import read_labels
from .types import Guide, LabelMaps, Pin, Protect, RegionPair

log = logging.getLogger(__name__)

MOST_CLASSES = 32
"""Pins, pairs and shared labels that one reference may have; each lengthens the features that are compared."""

_PATCH = 9  # pixels at working size


def checked(guides: Sequence[Guide], source: NDArray[np.float32], references: Sequence[NDArray[np.float32]], working_size: int) -> list[Guide]:
    """Checks guides and brings them into the form that the rest of this folder uses.

    Args:
        guides: of any kind, in any order.
        source: float32 [H, W, C], a checked image.
        references: the same.
        working_size: longest side at which images are matched, in pixels.

    Returns:
        The guides: points as shares of height and width in [0, 1], masks as float32 [h, w] in [0, 1] and label maps as int64 [h, w] on
        their pictures' working grids, except that of a protected region, which has the source's size.

    Raises:
        InputError: a guide does not fit its picture, there are too many, or two contradict each other; the message names it by its place in the
            sequence and in words.
    """
    found: list[Guide] = []
    classes = [0] * len(references)
    for position, guide in enumerate(guides, 1):
        name = f"guide {position} ({guide})" if isinstance(guide, (Pin, RegionPair, LabelMaps, Protect)) else f"guide {position}"
        if isinstance(guide, Protect):
            found.append(dataclasses.replace(guide, mask=_region(f"{name}, its mask", guide.mask, source, (source.shape[0], source.shape[1]))))
            continue
        if not isinstance(guide, (Pin, RegionPair, LabelMaps)):
            raise InputError(f"{name}: expected a Pin, RegionPair, LabelMaps or Protect, got {type(guide).__name__}")
        if not isinstance(guide.number, (int, np.integer)) or not 0 <= guide.number < len(references):
            raise InputError(f"{name}: expected the number of one of {len(references)} references, counted from 0, got {guide.number!r}")
        reference = references[guide.number]
        if isinstance(guide, Pin):
            points = (_point(f"{name}, in the source", guide.source, source), _point(f"{name}, in the reference", guide.reference, reference))
            found.append(Pin(*points, number=guide.number))
            classes[guide.number] += 1
        elif isinstance(guide, RegionPair):
            own = _patch(f"{name}, mask of the source", guide.source, source, working_size)
            theirs = _patch(f"{name}, mask of the reference", guide.reference, reference, working_size)
            found.append(dataclasses.replace(guide, source=own, reference=theirs))
            classes[guide.number] += 1
        else:
            labels = _labels(f"{name}, map of the source", guide.source, source, working_size)
            their_labels = _labels(f"{name}, map of the reference", guide.reference, reference, working_size)
            shared = np.intersect1d(labels, their_labels)
            if not shared.size:
                raise InputError(f"{name}: expected a label that both maps have, got none; use the same colors in both")
            found.append(dataclasses.replace(guide, source=labels, reference=their_labels))
            classes[guide.number] += shared.size
        if classes[guide.number] > MOST_CLASSES:
            raise InputError(f"expected at most {MOST_CLASSES} pins, pairs and labels for a reference, got more with {name}; leave some out")
    check_contradictions(guides, found)
    return found


def _point(name: str, point: object, image: NDArray[np.float32]) -> tuple[float, float]:
    """A point as shares of height and width."""
    height, width = image.shape[:2]
    if not isinstance(point, (tuple, list)) or len(point) != 2 or not all(isinstance(at, (int, float, np.number)) for at in point):
        raise InputError(f"{name}: expected a point (row, column), got {point!r}")
    row, column = (float(at) for at in point)
    if not (-0.5 <= row < height - 0.5 and -0.5 <= column < width - 0.5):
        raise InputError(f"{name}: expected a point inside the picture of {width}x{height}, got column {column:g}, row {row:g}")
    if image.shape[2] in (2, 4) and image[round(row), round(column), -1] <= 0:
        raise InputError(f"{name}: expected a point that is not transparent, got column {column:g}, row {row:g}; move it")
    return ((row + 0.5) / height, (column + 0.5) / width)


def _patch(name: str, mask: object, image: NDArray[np.float32], working_size: int) -> NDArray[np.float32]:
    """A region on its picture's working grid, of at least a patch."""
    values = _region(name, mask, image, working_shape((image.shape[0], image.shape[1]), working_size))
    if values.sum() < _PATCH:
        raise InputError(f"{name}: expected at least {_PATCH} pixels of the picture at its working size, got {values.sum():.2g}; make the region larger")
    return values


def _region(name: str, mask: object, image: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """A mask as float32 [*shape] in [0, 1], 0 where its picture is transparent."""
    if isinstance(mask, np.ndarray) and mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or not mask.size or mask.dtype.kind not in "buf":
        raise InputError(f"{name}: expected a mask [H, W] of bool, uint8 or float, got {_kind(mask)}")
    values = mask.astype(np.float32) / np.float32(np.iinfo(mask.dtype).max if mask.dtype.kind == "u" else 1)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InputError(f"{name}: expected values between 0 and 1, got others")
    _say_if_scaled(name, values, image)
    reduced = resize(torch.from_numpy(values)[..., None], shape)[..., 0].clamp(0.0, 1.0).numpy()
    if image.shape[2] in (2, 4):
        reduced = reduced * _nearest(image[..., -1] > 0, shape)
    if not reduced.any() or not (values > 0.5).any():
        raise InputError(f"{name}: expected a region that contains something visible, got an empty one; paint it white")
    return reduced


def _labels(name: str, labels: object, image: NDArray[np.float32], working_size: int) -> NDArray[np.int64]:
    """A map at its picture's working size, int64 [h, w]."""
    rgb = isinstance(labels, np.ndarray) and labels.ndim == 3 and labels.shape[2] == 3 and labels.dtype == np.uint8
    plain = isinstance(labels, np.ndarray) and labels.ndim == 2 and labels.dtype.kind in "iu"
    if not isinstance(labels, np.ndarray) or not (rgb or plain) or not labels.size:
        raise InputError(f"{name}: expected colors, uint8 [H, W, 3], or integers [H, W], got {_kind(labels)}")
    _say_if_scaled(name, labels, image)
    return _nearest(read_labels(labels), working_shape((image.shape[0], image.shape[1]), working_size))


def _say_if_scaled(name: str, plane: NDArray[Any], image: NDArray[np.float32]) -> None:
    if plane.shape[:2] != image.shape[:2]:
        sizes = f"{plane.shape[1]}x{plane.shape[0]}", f"{image.shape[1]}x{image.shape[0]}"
        log.warning("%s: it has %s pixels and its picture %s; it is scaled", name, *sizes)


def _nearest(plane: NDArray[Any], shape: Shape) -> NDArray[Any]:
    rows, columns = nearest_cells(shape, (plane.shape[0], plane.shape[1]))
    return plane[np.ix_(rows, columns)]


def _kind(value: object) -> str:
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
