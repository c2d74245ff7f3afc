"""Fields -> the pictures of an analogy, at the size of what was given (analogy paper sections 4.4 and 6.2).

Two pictures are made and mixed. The *texture* is drawn by averaged votes: all of its detail comes from the other picture. The
*structure* keeps the detail of the picture itself and takes only what remains of the change after edge-aware smoothing:
A + WLS(A' - A), which is the program's WLS(A') + A - WLS(A).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..matching.field import Field
from ..pixels.check import color_channels
from ..pixels.grids import Shape
from ..pixels.lab import lab_to_srgb, srgb_to_lab
from ..pixels.lab_cpu import NEUTRAL
from ..pixels.resample import resize
from ..pixels.working import WorkingImage, prepare
from ..runtime.progress import Advance, part, unwatched
from ..transform.apply import ColorTransform
from ..transform.upsample import EdgeAwareUpsampling
from .votes import vote

_PATCH_RADIUS = 2  # of the finest level [P]
_SMOOTHNESS = 0.8  # lambda of the edge-aware smoothing [ours; the published program's is not documented]


def draw(
    own: WorkingImage, given: NDArray[np.float32], other: WorkingImage, other_given: NDArray[np.float32], field: Field, share: float,
    advance: Advance = unwatched,
) -> NDArray[np.float32]:  # fmt: skip
    """Draws the counterpart of a picture.

    Args:
        own, other: the picture and the one that gives the texture, at working size.
        given, other_given: the same two as they were given: float32 [H, W, C], sRGB-encoded; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.
        field: int32 [h, w, 2], from the working grid of the one to that of the other.
        share: the share of the structure, [0, 1].
        advance: called during the work.

    Returns:
        float32 like ``given``; alpha and the color of fully transparent pixels are its own.
    """
    working = vote(field, own.valid, other.rgb, other.valid, own.shape, radius=_PATCH_RADIUS, advance=part(advance, 0.0, 0.3))
    structure = np.zeros_like(given)
    if share > 0.0:
        structure = structure_transform(own, working, part(advance, 0.3, 0.6)).apply(given, advance=part(advance, 0.6, 0.7))
    if share == 1.0:
        return structure
    shape = (given.shape[0], given.shape[1])
    texture = working.cpu()
    if shape != own.shape:
        values = _at_scale(other_given, other.shape, own.shape, shape, field.device)
        texture = vote(field, own.valid, values, other.valid, shape, radius=_PATCH_RADIUS, advance=part(advance, 0.7, 1.0)).cpu()
    return _mixed(given, texture, structure, share)


def structure_transform(own: WorkingImage, counterpart: torch.Tensor, advance: Advance = unwatched) -> ColorTransform:
    """The smoothed change from a picture to its counterpart, as a color transform that shifts colors.

    Args:
        own: the picture at working size.
        counterpart: float32 [h, w, 3], sRGB-encoded, its counterpart.
        advance: called by the solver.
    """
    shift = srgb_to_lab(counterpart) - own.lab
    coefficients = torch.stack([torch.ones_like(shift), shift], -1).flatten(-2)
    return ColorTransform(EdgeAwareUpsampling(own.lab)(coefficients, weight=_SMOOTHNESS, advance=advance).x, own.lab[..., 0].contiguous())


def _at_scale(image: NDArray[np.float32], grid: Shape, own_grid: Shape, shape: Shape, device: torch.device) -> torch.Tensor:
    """An image at the size at which its cells are as large as the picture's: float32 [H, W, 3]."""
    rows, cols = (max(1, round(n * size / cells)) for n, size, cells in zip(grid, shape, own_grid))
    return resize(prepare(image, max(rows, cols), device).rgb, (rows, cols))


def _mixed(given: NDArray[np.float32], texture: torch.Tensor, structure: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    colors = color_channels(given.shape[2])
    if colors == 1:
        lab = srgb_to_lab(texture)
        texture = lab_to_srgb(torch.cat([lab[..., :1], torch.full_like(lab[..., 1:], NEUTRAL)], -1))[..., :1]
    out = structure
    out[..., :colors] = share * structure[..., :colors] + (1.0 - share) * texture.numpy()
    if given.shape[2] > colors:
        out[..., colors] = given[..., colors]
        unseen = given[..., colors] <= 0
        out[unseen] = given[unseen]
    return out
