"""sRGB <-> Lab on tensors of any device; float32 on the CPU is compiled (:mod:`nct_core.pixels.lab_cpu`).

Lab is CIE L*a*b* for the D65 white, scaled as the method's published program scales it (8-bit OpenCV Lab over 255):
``(L / 100, (a + 128) / 255, (b + 128) / 255)``, so that in-gamut colors lie in [0, 1]. Values of sRGB outside [0, 1]
(wide gamuts) are carried through by odd symmetry of the transfer curve.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..runtime.backend import on_cpu
from . import lab_cpu
from .lab_cpu import NEUTRAL

_RGB_TO_XYZ = (
    (0.4123907993, 0.3575843394, 0.1804807884),
    (0.2126390059, 0.7151686788, 0.0721923154),
    (0.0193308187, 0.1191947798, 0.9505321522),
)
_DELTA = 6.0 / 29.0
GAMUT_MARGIN = 1.031
"""Largest linear sRGB value of the colors between gray and pure yellow that have yellow's lightness and hue; slightly outside the gamut."""
GAMUT_STEPS = 16
"""Halvings in the search for the largest chroma inside sRGB: its error is at most 1 / 65536 of the wanted chroma."""


RGB_TO_WHITE = np.array(_RGB_TO_XYZ) / np.sum(_RGB_TO_XYZ, 1, keepdims=True)
"""Linear sRGB to XYZ relative to the white, so that (1, 1, 1) maps to (1, 1, 1)."""
WHITE_TO_RGB = np.linalg.inv(RGB_TO_WHITE)


def _mix(colors: torch.Tensor, matrix: NDArray[np.float64]) -> torch.Tensor:
    """matrix @ color, added in a fixed order: a BLAS may add in a different order from run to run."""
    x, y, z = colors.unbind(-1)
    return torch.stack([float(a) * x + float(b) * y + float(c) * z for a, b, c in matrix], -1)


def _signed_power(x: torch.Tensor, exponent: float) -> torch.Tensor:
    return x.abs().pow(exponent).copysign(x)


def _to_linear(srgb: torch.Tensor) -> torch.Tensor:
    magnitude = srgb.abs()
    return torch.where(magnitude <= 0.04045, srgb / 12.92, _signed_power((magnitude + 0.055) / 1.055, 2.4).copysign(srgb))


def _compiled(colors: torch.Tensor) -> bool:
    return on_cpu(colors) and colors.dtype == torch.float32


def _convert(colors: torch.Tensor, matrix: NDArray[np.float64], *, lab: bool) -> torch.Tensor:
    return torch.from_numpy(lab_cpu.convert(colors.reshape(-1, 3).contiguous().numpy(), matrix, lab=lab)).view(colors.shape)


def srgb_to_lab(srgb: torch.Tensor) -> torch.Tensor:
    """Converts sRGB-encoded [..., 3] float (nominal [0, 1]) to scaled Lab [..., 3] of the same dtype."""
    if _compiled(srgb):
        return _convert(srgb, RGB_TO_WHITE, lab=True)
    return _to_lab(_to_linear(srgb))


def _to_lab(linear: torch.Tensor) -> torch.Tensor:
    """Linear sRGB to scaled Lab."""
    xyz = _mix(linear, RGB_TO_WHITE)
    f = torch.where(xyz > _DELTA**3, xyz.clamp_min(1e-12).pow(1.0 / 3.0), xyz / (3 * _DELTA**2) + 4.0 / 29.0)
    fx, fy, fz = f.unbind(-1)
    return torch.stack([1.16 * fy - 0.16, (500.0 * (fx - fy) + 128.0) / 255.0, (200.0 * (fy - fz) + 128.0) / 255.0], -1)


def lab_to_srgb(lab: torch.Tensor) -> torch.Tensor:
    """Converts scaled Lab [..., 3] float to sRGB-encoded [..., 3] of the same dtype; colors outside sRGB leave [0, 1]."""
    if _compiled(lab):
        return _convert(lab, WHITE_TO_RGB, lab=False)
    linear = _linear(lab)
    magnitude = linear.abs()
    return torch.where(magnitude <= 0.0031308, linear * 12.92, (1.055 * magnitude.clamp_min(1e-12).pow(1.0 / 2.4) - 0.055).copysign(linear))


def limit_chroma(lab: torch.Tensor, srgb: torch.Tensor, share: float) -> torch.Tensor:
    """Reduces the chroma of colors outside sRGB, at the same lightness and hue.

    Chroma is reduced in Lab, up to colors that are at most :data:`GAMUT_MARGIN` too bright, and the rest by mixing
    linear light with the gray of the same luminance. Without the margin the largest chroma that sRGB holds would jump
    from one hue to the next near yellow.

    Args:
        lab: scaled Lab [..., 3] of the colors.
        srgb: sRGB-encoded [..., 3], the colors before the transfer. Where a channel of these lies outside [0, 1], the
            result may lie as far outside.
        share: share of the excess chroma to remove, [0, 1]; 1 removes all of it.

    Returns:
        Scaled Lab [..., 3].
    """
    before = _to_linear(srgb)
    # The same limits for all channels, so that gray lies within them too.
    low, high = before.amin(-1, keepdim=True).clamp_max(0.0), before.amax(-1, keepdim=True).clamp_min(1.0)

    def within_limits(scale: torch.Tensor) -> torch.Tensor:
        linear = _linear(_scale_chroma(lab, scale))
        return ((linear >= low) & (linear <= GAMUT_MARGIN * high)).all(-1, keepdim=True)

    most = torch.ones_like(lab[..., :1])
    least = within_limits(most).to(lab.dtype)  # 1 where the whole chroma fits; gray always does
    for _ in range(GAMUT_STEPS):
        middle = (least + most) / 2
        inside = within_limits(middle)
        least, most = torch.where(inside, middle, least), torch.where(inside, most, middle)
    limited = _scale_chroma(lab, least)
    linear, gray = _linear(limited), _from_f((lab[..., :1] + 0.16) / 1.16)
    brightest = linear.amax(-1, keepdim=True)
    mix = ((high - gray) / (brightest - gray)).clamp(0.0, 1.0)
    limited = torch.where(brightest > high, _to_lab(gray + mix * (linear - gray)), limited)
    return torch.cat([lab[..., :1], torch.lerp(lab, limited, share)[..., 1:]], -1)


def _scale_chroma(lab: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return torch.cat([lab[..., :1], NEUTRAL + scale * (lab[..., 1:] - NEUTRAL)], -1)


def _linear(lab: torch.Tensor) -> torch.Tensor:
    """Scaled Lab to linear sRGB."""
    lightness, a, b = lab.unbind(-1)
    fy = (lightness + 0.16) / 1.16
    f = torch.stack([fy + (a * 255.0 - 128.0) / 500.0, fy, fy - (b * 255.0 - 128.0) / 200.0], -1)
    return _mix(_from_f(f), WHITE_TO_RGB)


def _from_f(f: torch.Tensor) -> torch.Tensor:
    """Undoes the cube root of Lab."""
    return torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4.0 / 29.0))
