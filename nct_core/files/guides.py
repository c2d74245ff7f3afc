"""Guides from files: masks, label maps and the JSON file that holds all guides of a transfer.

Numbers of references are counted from 1 here, as on the command line, points are (x, y) as in image editors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..guides.types import Guide, LabelMaps, Pin, Protect, RegionPair
from ..pixels.check import color_channels
from .read import read_picture

_KINDS = ("pins", "pairs", "labels", "protect")


def pin(source: tuple[float, float], reference: tuple[float, float], number: int) -> Pin:
    """A pin between two points (x, y)."""
    return Pin((source[1], source[0]), (reference[1], reference[0]), number - 1)


def pair(source: Path, reference: Path, number: int, name: str = "") -> RegionPair:
    """A pair of regions from the files of their masks."""
    return RegionPair(read_mask(source), read_mask(reference), number - 1, name or source.stem)


def label_maps(source: Path, reference: Path, number: int) -> LabelMaps:
    """A pair of label maps from their files."""
    return LabelMaps(_read_labels(source), _read_labels(reference), number - 1)


def protect(mask: Path, name: str = "") -> Protect:
    """A protected region from the file of its mask."""
    return Protect(read_mask(mask), name or mask.stem)


def read_mask(path: Path) -> NDArray[np.float32]:
    """Reads a mask, white being inside: float32 [H, W] in [0, 1]; what is transparent is outside.

    Raises:
        InputError: as :func:`nct_core.files.read.read_picture`.
    """
    pixels = read_picture(path).pixels
    values = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1)
    colors = color_channels(values.shape[2])
    mask: NDArray[np.float32] = values[..., :colors].mean(-1)
    return np.clip(mask * values[..., -1] if colors < values.shape[2] else mask, 0.0, 1.0)


def _read_labels(path: Path) -> NDArray[np.uint8]:
    pixels = read_picture(path).pixels
    if pixels.dtype != np.uint8:
        raise InputError(f"{path}: expected a label map of 8 bits per channel, got {pixels.dtype}; export it with 8 bits")
    colors = pixels[..., : color_channels(pixels.shape[2])]
    return np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))


def read_guides(path: Path) -> list[Guide]:
    """Reads a file of guides: a JSON object with any of four lists.

    ::

        {"pins": [{"source": [x, y], "reference": [x, y], "number": 1}],
         "pairs": [{"source": "mask.png", "reference": "mask.png", "number": 1, "name": "sky"}],
         "labels": [{"source": "map.png", "reference": "map.png", "number": 1}],
         "protect": [{"mask": "mask.png", "name": "face"}]}

    ``number`` is 1 and ``name`` the file's if they are left out. Files are looked for beside the JSON file.

    Raises:
        InputError: there is no such file, or it says something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a JSON file of guides, got {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict) or not content.keys() <= set(_KINDS) or not all(isinstance(entries, list) for entries in content.values()):
        raise InputError(f"{path}: expected an object with the lists {', '.join(_KINDS)} or some of them, got something else")
    found: list[Guide] = []
    for kind in _KINDS:
        for position, entry in enumerate(content.get(kind, []), 1):
            found.append(_guide(kind, _Entry(f"{path}: {kind}, entry {position}", path.parent, entry)))
    return found


def _guide(kind: str, entry: _Entry) -> Guide:
    if kind == "pins":
        entry.only("source", "reference", "number")
        return pin(entry.point("source"), entry.point("reference"), entry.number())
    if kind == "pairs":
        entry.only("source", "reference", "number", "name")
        return pair(entry.file("source"), entry.file("reference"), entry.number(), entry.text("name", ""))
    if kind == "labels":
        entry.only("source", "reference", "number")
        return label_maps(entry.file("source"), entry.file("reference"), entry.number())
    entry.only("mask", "name")
    return protect(entry.file("mask"), entry.text("name", ""))


class _Entry:
    """One guide in the file, read with checks."""

    def __init__(self, where: str, folder: Path, values: object) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{where}: expected an object, got {values!r:.40}")
        self._where, self._folder, self._values = where, folder, values

    def only(self, *names: str) -> None:
        unknown = sorted(self._values.keys() - set(names))
        if unknown:
            raise InputError(f"{self._where}: expected some of {', '.join(names)}, got {unknown[0]!r:.40}")

    def point(self, name: str) -> tuple[float, float]:
        found = self._get(name, "a point [x, y]", lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)))
        return (float(found[0]), float(found[1]))

    def number(self) -> int:
        return int(self._get("number", "the number of a reference, counted from 1", lambda value: _is_number(value) and value == int(value) >= 1, 1))

    def file(self, name: str) -> Path:
        return self._folder / self.text(name)

    def text(self, name: str, default: str | None = None) -> str:
        return str(self._get(name, "a text", lambda value: isinstance(value, str), default))

    def _get(self, name: str, wanted: str, fits: Callable[[Any], bool], default: object = None) -> Any:
        value = self._values.get(name, default)
        if not fits(value):
            raise InputError(f"{self._where}: expected {wanted} as {name!r}, got {value!r:.40}")
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
