"""Writes the intermediate maps of every level as pictures: an observer for :func:`nct_core.transfer` (ours)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..files.picture import Picture
from ..files.write import write_picture
from ..matching.field import to_pixels
from ..pixels.grids import Shape, nearest_cells
from ..pixels.lab import lab_to_srgb
from ..result import LevelMaps
from ..transform.coefficients import recolor
from . import label_sheet

# Slopes of lightness from 1/4 (black) by 1 (gray) to 4 (white).
_SLOPE_OCTAVES = 2.0


class MapWriter:
    """Writes PNGs named ``LEVEL-WHAT.png``, all at the source's working size, as the levels are done; levels count from 1 (coarsest) to 5.

    - ``field-N``: reference N (counted from 1) drawn onto the source by its nearest-neighbor field
    - ``guidance``: the guidance colors of all references together
    - ``confidence``: w, black 0, white 1
    - ``labels``: which reference each position takes its colors from, see :mod:`nct_core.views.label_sheet`
    - ``slope``: a of lightness, black 1/4, gray 1, white 4
    - ``result``: the source as it is recolored so far

    Args:
        folder: an existing folder, or a new one in an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, maps: LevelMaps) -> None:
        """Writes one level.

        Raises:
            InputError: the folder cannot be made, or a file not written.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._folder}: expected a folder that can be made, got: {error.strerror}; choose another") from error
        shape = maps.source.shape
        for number, reference in maps.references.items():
            at = np.rint(to_pixels(maps.fields[number], maps.grids[number], shape, reference.shape)).astype(np.intp)
            self._write(maps, f"field-{number + 1}", _bytes(reference.rgb.cpu()[at[..., 0], at[..., 1]]))
        self._write(maps, "guidance", _on(_bytes(lab_to_srgb(maps.guidance.contiguous())), shape))
        self._write(maps, "confidence", _on(_bytes(maps.confidence[..., None]), shape))
        self._write(maps, "labels", label_sheet.overlay(_on(maps.labels, shape), _bytes(maps.source.rgb)))
        slope = maps.coefficients[..., :1].clamp_min(2.0**-8).log2() / (2.0 * _SLOPE_OCTAVES) + 0.5
        self._write(maps, "slope", _bytes(slope))
        self._write(maps, "result", _bytes(lab_to_srgb(recolor(maps.coefficients, maps.source.lab).clamp(0, 1))))

    def _write(self, maps: LevelMaps, what: str, pixels: NDArray[np.uint8]) -> None:
        write_picture(self._folder / f"{6 - maps.level}-{what}.png", Picture(pixels))


def _bytes(image: torch.Tensor) -> NDArray[np.uint8]:
    """float32 [h, w, C] of [0, 1] as uint8."""
    return (image.clamp(0, 1) * 255.0).round().to(torch.uint8).cpu().numpy()


def _on(image: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Enlarges by whole cells, so that each cell is visible."""
    return image[np.ix_(*nearest_cells(shape, (image.shape[0], image.shape[1])))]
