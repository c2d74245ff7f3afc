"""The result of a transfer, and the intermediate maps for its observer (ours)."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .contract.errors import InputError
from .contract.params import TABLE_SIDE, TABLE_SIDES
from .contract.texts import Text
from .matching.field import to_pixels
from .pixels.grids import Shape, nearest_cells
from .pixels.resample import resize
from .pixels.working import WorkingImage
from .transform.apply import ColorTransform
from .transform.color_table import ColorTable, fit_table


@dataclass(frozen=True)
class Match:
    """The source's matches in one reference.

    Attributes:
        field: int32 [h, w, 2], the coarsest nearest-neighbor field, source to reference (see :mod:`nct_core.matching.field`).
        grid: (rows, columns) of the grid that ``field`` points into.
        mirrored: whether it points into the reference's mirror image.
        shape: (rows, columns) of the reference in pixels.
    """

    field: NDArray[np.int32]
    grid: Shape
    mirrored: bool
    shape: Shape


@dataclass(frozen=True)
class TransferResult:
    """The result of a transfer.

    Attributes:
        image: float32 [H, W, C] like the source (or ``onto``), sRGB-encoded; colors outside sRGB leave [0, 1].
        transform: the color transform; it can be applied to the same content at any size and strength.
        shares: for each reference the share of the source that it colored, [0, 1]; they add up to 1. A reference that is not used
            has 0.
        backbone: "VGG-16" or "VGG-19".
        device: the device that computed it, in words.
        seconds: wall time.
        notes: what the user should know about the result, for example that the reference has no color; each a sentence.
        matches: the source's matches in each reference.
        working_labels: uint8 [h, w], ``labels`` at working size.
        finest_confidence: float32 [h, w], the confidence at working size; w of the finest level as published.
    """

    image: NDArray[np.float32]
    transform: ColorTransform
    shares: list[float]
    backbone: str
    device: str
    seconds: float
    notes: tuple[Text, ...]
    matches: list[Match]
    working_labels: NDArray[np.uint8]
    finest_confidence: NDArray[np.float32]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the transform to a file (``.nct``); see :meth:`nct_core.ColorTransform.save` and :meth:`nct_core.ColorTransform.load`."""
        self.transform.save(path)

    def color_table(self, source: NDArray[np.float32], side: int = TABLE_SIDE) -> ColorTable:
        """The whole transfer as one table of colors, for other programs; it says how far it is from the result, since it can hold nothing local.

        Args:
            source: what was recolored, float32 [H, W, C] of the size of ``image``.
            side: points per channel, 17 to 65.

        Raises:
            InputError: the source has another size than the result, or ``side`` lies outside its range.
        """
        if source.shape != self.image.shape:
            raise InputError(f"expected the source of the result, {list(self.image.shape)}, got an image of {list(source.shape)}")
        smallest, largest = TABLE_SIDES
        if not smallest <= side <= largest:
            raise InputError(f"expected a table of {smallest} to {largest} points per channel, got {side}")
        return fit_table(source, self.image, self.transform.look_table(source, side))

    def sized(self, shape: Shape) -> TransferResult:
        """The same result at another size with a black image, for its maps only.

        Args:
            shape: (rows, columns) in pixels.
        """
        black = np.broadcast_to(np.float32(0), (*shape, self.image.shape[2]))
        return dataclasses.replace(self, image=black)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """uint8 [H, W]: which reference colored each source pixel, counted from 0; all zeros with one reference."""
        rows, cols = nearest_cells(self._shape, (self.working_labels.shape[0], self.working_labels.shape[1]))
        return self.working_labels[np.ix_(rows, cols)]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """float32 [H, W], [0, 1]: how likely each source pixel's match is the true one (ours); as published, w of paper section 3.2."""
        return resize(torch.from_numpy(self.finest_confidence)[..., None], self._shape)[..., 0].numpy()

    @property
    def correspondences(self) -> NDArray[np.float32]:
        """:meth:`correspondences_in` the first reference."""
        return self.correspondences_in(0)

    def correspondences_in(self, reference: int) -> NDArray[np.float32]:
        """float32 [H, W, 2]: for every source pixel the (row, column) of its match, in pixels of one reference.

        These are the matches of the coarsest level, by meaning. Finer levels search around them for more and more local similarity, which
        gives better colors and worse correspondences (ours; measured against true correspondences). Every source pixel has a match in
        every reference; ``labels`` says which reference gave the color.

        Args:
            reference: number of the reference, counted from 0.
        """
        match = self.matches[reference]
        at = to_pixels(match.field, match.grid, self._shape, match.shape)
        if match.mirrored:
            at[..., 1] = match.shape[1] - 1 - at[..., 1]
        return at

    @property
    def _shape(self) -> Shape:
        return (self.image.shape[0], self.image.shape[1])


@dataclass(frozen=True)
class LevelMaps:
    """The intermediate maps of one level, at the end of it.

    Attributes:
        level: 5 (coarsest) to 1.
        source: the source at working size.
        references: by number, counted from 0 in the caller's order, the references that are used, at working size; mirrored if they
            match better mirrored.
        fields: for each of them int32 [h, w, 2], source to reference.
        grids: for each of them (rows, columns) of the grid that its field points into.
        labels: uint8 [h, w], the number of the reference that each position takes its colors from.
        guidance: float32 [h, w, 3], scaled Lab, the guidance of all references together.
        confidence: float32 [h, w], (0, 1].
        coefficients: float32 [H, W, 6], the transform on the source's working grid (see :mod:`nct_core.transform.coefficients`).
    """

    level: int
    source: WorkingImage
    references: dict[int, WorkingImage]
    fields: dict[int, NDArray[np.int32]]
    grids: dict[int, Shape]
    labels: NDArray[np.uint8]
    guidance: torch.Tensor
    confidence: torch.Tensor
    coefficients: torch.Tensor
