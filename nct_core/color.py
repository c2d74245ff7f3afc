"""sRGB <-> Lab on tensors of any device; float32 on the CPU is compiled (:mod:`nct_core.color_cpu`).

Lab is CIE L*a*b* for the D65 white, scaled as the method's published program scales it (8-bit OpenCV Lab over 255):
``(L / 100, (a + 128) / 255, (b + 128) / 255)``, so that in-gamut colours lie in [0, 1]. Values of sRGB outside [0, 1]
(wide gamuts) are carried through by odd symmetry of the transfer curve.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from . import color_cpu

_RGB_TO_XYZ = (
    (0.4123907993, 0.3575843394, 0.1804807884),
    (0.2126390059, 0.7151686788, 0.0721923154),
    (0.0193308187, 0.1191947798, 0.9505321522),
)
_DELTA = 6.0 / 29.0


RGB_TO_WHITE = np.array(_RGB_TO_XYZ) / np.sum(_RGB_TO_XYZ, 1, keepdims=True)
"""Linear sRGB to XYZ relative to the white, so that (1, 1, 1) maps to (1, 1, 1)."""
WHITE_TO_RGB = np.linalg.inv(RGB_TO_WHITE)


def _mix(colors: torch.Tensor, matrix: NDArray[np.float64]) -> torch.Tensor:
    """matrix @ color, one product after the other: a BLAS may add up in another order from one run to the next."""
    x, y, z = colors.unbind(-1)
    return torch.stack([float(a) * x + float(b) * y + float(c) * z for a, b, c in matrix], -1)


def _signed_power(x: torch.Tensor, exponent: float) -> torch.Tensor:
    return x.abs().pow(exponent).copysign(x)


def _compiled(colors: torch.Tensor) -> bool:
    return colors.device.type == "cpu" and colors.dtype == torch.float32


def _convert(colors: torch.Tensor, matrix: NDArray[np.float64], *, lab: bool) -> torch.Tensor:
    return torch.from_numpy(color_cpu.convert(colors.reshape(-1, 3).contiguous().numpy(), matrix, lab=lab)).view(colors.shape)


def srgb_to_lab(srgb: torch.Tensor) -> torch.Tensor:
    """Converts sRGB-encoded [..., 3] float (nominal [0, 1]) to scaled Lab [..., 3] of the same dtype."""
    if _compiled(srgb):
        return _convert(srgb, RGB_TO_WHITE, lab=True)
    magnitude = srgb.abs()
    linear = torch.where(magnitude <= 0.04045, srgb / 12.92, _signed_power((magnitude + 0.055) / 1.055, 2.4).copysign(srgb))
    xyz = _mix(linear, RGB_TO_WHITE)
    f = torch.where(xyz > _DELTA**3, xyz.clamp_min(1e-12).pow(1.0 / 3.0), xyz / (3 * _DELTA**2) + 4.0 / 29.0)
    fx, fy, fz = f.unbind(-1)
    return torch.stack([1.16 * fy - 0.16, (500.0 * (fx - fy) + 128.0) / 255.0, (200.0 * (fy - fz) + 128.0) / 255.0], -1)


def lab_to_srgb(lab: torch.Tensor) -> torch.Tensor:
    """Converts scaled Lab [..., 3] float to sRGB-encoded [..., 3] of the same dtype; colours outside sRGB leave [0, 1]."""
    if _compiled(lab):
        return _convert(lab, WHITE_TO_RGB, lab=False)
    lightness, a, b = lab.unbind(-1)
    fy = (lightness + 0.16) / 1.16
    f = torch.stack([fy + (a * 255.0 - 128.0) / 500.0, fy, fy - (b * 255.0 - 128.0) / 200.0], -1)
    xyz = torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4.0 / 29.0))
    linear = _mix(xyz, WHITE_TO_RGB)
    magnitude = linear.abs()
    return torch.where(magnitude <= 0.0031308, linear * 12.92, (1.055 * magnitude.clamp_min(1e-12).pow(1.0 / 2.4) - 0.055).copysign(linear))
