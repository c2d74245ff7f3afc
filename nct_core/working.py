"""Image arrays as users give them -> checked, at the working size, without holes (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .color import srgb_to_lab
from .errors import InputError
from .nnf import Shape
from .params import MAX_PIXELS, MAX_SIDE

# The coarsest features need 16 px for one cell; below 64 px a side there would be next to nothing to match.
_MIN_WORKING_SIDE = 64
_COVERED = 0.25
# Far above any highlight, and below what forgotten scaling gives.
_MAX_VALUE = 64.0


def check_image(name: str, image: object) -> NDArray[np.float32]:
    """Checks one image array and returns it.

    Args:
        name: what to call it in messages, for example "source".
        image: expected float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.

    Raises:
        InputError: it is something else, too small, too large, not finite, not scaled to [0, 1], or wholly transparent.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4):
        came = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"{name}: expected a float32 array [height, width, 1 to 4 channels], got {came}")
    height, width, channels = image.shape
    if min(height, width) < 2:
        raise InputError(f"{name}: expected at least 2 pixels a side, since a single row or column has no patches to match, got {width}x{height}")
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise InputError(f"{name}: expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels, got {width}x{height}")
    # The sum of finite float32 values is finite in float64; one pass without a mask the size of the image.
    if not np.isfinite(image.sum(dtype=np.float64)):
        bad = int(height * width * channels - np.isfinite(image).sum())
        raise InputError(f"{name}: expected finite values, got {bad} that are NaN or infinite; clean the picture before the transfer")
    if image.max() > _MAX_VALUE:
        raise InputError(f"{name}: expected sRGB values of nominal range 0 to 1, got up to {image.max():g}; divide 8-bit values by 255, 16-bit ones by 65535")
    if channels in (2, 4) and not (image[..., -1] > 0).any():
        raise InputError(f"{name}: expected at least one pixel that is not fully transparent, got none")
    return image


@dataclass(frozen=True)
class WorkingImage:
    """An image at working size.

    Attributes:
        rgb: float32 [h, w, 3], sRGB-encoded, [0, 1]; transparent pixels are filled from around them.
        lab: the same in scaled Lab.
        valid: bool [h, w], False where the image is fully transparent.
    """

    rgb: torch.Tensor
    lab: torch.Tensor
    valid: NDArray[np.bool_]

    @property
    def shape(self) -> Shape:
        """(rows, columns)."""
        return (self.rgb.shape[0], self.rgb.shape[1])

    def mirrored(self) -> WorkingImage:
        """The same with left and right exchanged."""
        return WorkingImage(self.rgb.flip(1), self.lab.flip(1), self.valid[:, ::-1].copy())

    def lab_on(self, grid: Shape) -> torch.Tensor:
        """Its colors averaged over the cells of a coarser grid, float32 [*grid, 3], scaled Lab."""
        return resize(self.lab, grid)

    def valid_on(self, grid: Shape) -> NDArray[np.bool_]:
        """The cells of a coarser grid that hold enough of the image to be matched; at least one."""
        if self.valid.all():
            return np.ones(grid, np.bool_)
        covered = resize(torch.from_numpy(self.valid)[..., None].float(), grid)[..., 0].numpy()
        return covered >= min(_COVERED, float(covered.max()))


def working_shape(shape: Shape, working_size: int) -> Shape:
    """The shape at which an image is matched: its longest side at most ``working_size``, each side at least 64 px."""
    scale = min(1.0, working_size / max(shape))
    return (max(_MIN_WORKING_SIDE, round(shape[0] * scale)), max(_MIN_WORKING_SIDE, round(shape[1] * scale)))


def prepare(image: NDArray[np.float32], working_size: int, device: torch.device) -> WorkingImage:
    """Brings a checked image (see :func:`check_image`) to working size."""
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
        rgb = _fill(rgb.permute(2, 0, 1)[None], valid[None, None].float())[0].permute(1, 2, 0).clamp(0, 1)
    rgb = rgb.contiguous().to(device)
    return WorkingImage(rgb, srgb_to_lab(rgb), valid.numpy())


def resize(image: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Bilinear, half-pixel centerd, anti-aliased when it shrinks: [H, W, C] -> [*shape, C]."""
    if image.shape[:2] == shape:
        return image
    planes = image.permute(2, 0, 1)[None]
    return F.interpolate(planes, size=shape, mode="bilinear", align_corners=False, antialias=True)[0].permute(1, 2, 0).contiguous()


def _fill(planes: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Fills what is not known from the average of ever larger surroundings (pull-push)."""
    height, width = planes.shape[2:]
    if bool((known > 0).all()) or height * width == 1:
        return planes
    half = ((height + 1) // 2, (width + 1) // 2)
    weight = F.adaptive_avg_pool2d(known, half)
    coarse = F.adaptive_avg_pool2d(planes * known, half) / weight.clamp_min(1e-9)
    coarse = _fill(coarse, (weight > 0).float())
    return torch.where(known > 0, planes, F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False))
