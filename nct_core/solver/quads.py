"""The layout of the kernels' arrays, and the choice of the kernels for a device.

"Quads" are float32 [4, planes, rows + 2, columns + 2]. Quad 2 * (row parity) + (column parity) holds every second row and column of the
grid, with a frame of zeros; rows and columns that a grid of odd size lacks are zero too. Quads 0 and 3 are color 0 of the checkerboard, 1
and 2 color 1: all of a position's neighbors lie in the other color's quads, side by side in memory. The positions of the coarser grid are
those of quad 0. "Planes" are float32 [planes, rows + 2, columns + 2] on the coarser grid, framed likewise.
"""

from __future__ import annotations

from typing import Any

import torch

from ..runtime.backend import Kernels, on_cpu
from . import kernels_cpu, kernels_torch


def kernels_for(tensor: torch.Tensor, kernels: Kernels | None = None) -> Any:
    """The module that holds the kernels for a tensor's device, or the ones asked for; all have the same functions."""
    if kernels is Kernels.TRITON:
        from . import kernels_triton  # Triton comes with torch for CUDA only

        return kernels_triton
    compiled = on_cpu(tensor) if kernels is None else kernels is Kernels.CPU
    return kernels_cpu if compiled else kernels_torch


def to_quads(image: torch.Tensor) -> torch.Tensor:
    """[h, w, planes] -> quads."""
    height, width, planes = image.shape
    quads = image.new_zeros(4, planes, (height + 1) // 2 + 2, (width + 1) // 2 + 2)
    kernels_for(image).split(image.permute(2, 0, 1), quads)
    return quads


def from_quads(quads: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Quads -> [*shape, planes]."""
    image = quads.new_empty(*shape, quads.shape[1])
    kernels_for(quads).join(quads, image.permute(2, 0, 1))
    return image
