"""Checked image arrays -> images at working size without holes (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .grids import Shape, fit_within
from .lab import srgb_to_lab
from .resample import fill_unknown, resize

# The coarsest features need 16 px for one cell; below 64 px a side there would be almost nothing to match.
LEAST_SIDE = 64
"""Pixels of the shorter side of an image at working size, even if that changes its proportions."""
_COVERED = 0.25


@dataclass(frozen=True)
class WorkingImage:
    """An image at working size.

    Attributes:
        rgb: float32 [h, w, 3], sRGB-encoded, [0, 1]; transparent pixels are filled from their surroundings.
        lab: the same in scaled Lab.
        valid: bool [h, w], False where the image is fully transparent; on the same device.
    """

    rgb: torch.Tensor
    lab: torch.Tensor
    valid: torch.Tensor

    @property
    def shape(self) -> Shape:
        """(rows, columns)."""
        return (self.rgb.shape[0], self.rgb.shape[1])

    def mirrored(self) -> WorkingImage:
        """Returns the mirror image: left and right exchanged."""
        return WorkingImage(self.rgb.flip(1), self.lab.flip(1), self.valid.flip(1))

    def lab_on(self, grid: Shape) -> torch.Tensor:
        """Averages its colors over the cells of a coarser grid: float32 [*grid, 3], scaled Lab."""
        return resize(self.lab, grid)

    def valid_on(self, grid: Shape) -> torch.Tensor:
        """Which cells of a coarser grid contain enough of the image to be matched, bool [*grid]; at least one is True."""
        if self.valid.all():
            return self.valid.new_ones(grid)
        covered = resize(self.valid[..., None].float(), grid)[..., 0]
        return covered >= covered.max().clamp_max(_COVERED)


def working_shape(shape: Shape, working_size: int) -> Shape:
    """The shape at which an image is matched: its longest side at most ``working_size``, each side at least 64 px."""
    return fit_within(shape, working_size, LEAST_SIDE)


def prepare(image: NDArray[np.float32], working_size: int, device: torch.device) -> WorkingImage:
    """Brings a checked image (see :func:`nct_core.pixels.check.check_image`) to working size."""
    shape = working_shape((image.shape[0], image.shape[1]), working_size)
    channels = image.shape[2]
    if channels in (2, 4):
        alpha = torch.from_numpy(np.ascontiguousarray(image[..., -1:])).clamp(0, 1)
        color = torch.from_numpy(np.ascontiguousarray(image[..., :-1])) * (alpha > 0)
        opaque = resize((alpha > 0).float(), shape)
        valid = opaque[..., 0] > 0.5 / 255
        color = resize(color, shape) / opaque.clamp_min(1e-6)
    else:
        color = resize(torch.from_numpy(np.ascontiguousarray(image)), shape)
        valid = torch.ones(shape, dtype=torch.bool)
    rgb = color.expand(*shape, 3).clamp(0, 1)
    if not valid.all():
        rgb = fill_unknown(rgb.permute(2, 0, 1)[None], valid[None, None].float())[0].permute(1, 2, 0).clamp(0, 1)
    rgb = rgb.contiguous().to(device)
    return WorkingImage(rgb, srgb_to_lab(rgb), valid.to(device))
