"""Resizes images, averages over windows and fills holes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..runtime.backend import on_cpu
from . import resample_cpu
from .grids import Shape

_WHOLE_RADIUS = 3  # larger windows are averaged along rows and then along columns


def resize(image: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Resizes bilinearly with half-pixel centers, and with anti-aliasing when it shrinks: [H, W, C] -> [*shape, C]."""
    if image.shape[:2] == shape:
        return image
    planes = image.permute(2, 0, 1)[None]
    return F.interpolate(planes, size=shape, mode="bilinear", align_corners=False, antialias=True)[0].permute(1, 2, 0).contiguous()


def box_mean(planes: torch.Tensor, radius: int) -> torch.Tensor:
    """Averages over the part of each square window that lies inside the plane, [n, h, w] -> [n, h, w].

    Args:
        planes: float, any number of them.
        radius: in cells; the windows are 2 * radius + 1 wide.
    """
    if on_cpu(planes) and planes.dtype == torch.float32:
        return resample_cpu.box_mean(planes, radius, radius <= _WHOLE_RADIUS)
    size = 2 * radius + 1
    if radius <= _WHOLE_RADIUS:
        return F.avg_pool2d(planes[None], size, 1, radius, count_include_pad=False)[0]
    along_rows = F.avg_pool2d(planes[None], (1, size), 1, (0, radius), count_include_pad=False)
    return F.avg_pool2d(along_rows, (size, 1), 1, (radius, 0), count_include_pad=False)[0]


def fill_unknown(planes: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Fills unknown pixels with averages of larger and larger surroundings (pull-push)."""
    height, width = planes.shape[2:]
    if bool((known > 0).all()) or height * width == 1:
        return planes
    half = ((height + 1) // 2, (width + 1) // 2)
    weight = F.adaptive_avg_pool2d(known, half)
    coarse = F.adaptive_avg_pool2d(planes * known, half) / weight.clamp_min(1e-9)
    coarse = fill_unknown(coarse, (weight > 0).float())
    return torch.where(known > 0, planes, F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False))
