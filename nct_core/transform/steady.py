"""Keeps the transforms of a film's frames steady: each is averaged with those before it, along the way that things move (ours).

A running average along the optical flow: where a frame and the one before agree along the flow, the transform goes on from the one before with
the share :data:`_MEMORY`; where they do not (an edge of something that moved, a cut), the frame's own transform begins anew.
"""

from __future__ import annotations

import torch

from ..pixels.flow import carried, flow
from ..pixels.resample import box_mean
from .apply import ColorTransform

_MEMORY = 0.85  # share of what came before
_AGREEING = 0.04  # difference of lightness along the flow at which the share falls to a third
_ASTRAY = 1.0  # px by which going there and back may miss, at which it falls to a third
_CUT = 0.35  # mean agreement below which a new scene has begun


def steadied(now: ColorTransform, before: ColorTransform | None) -> ColorTransform:
    """Averages a frame's transform with the steadied one of the frame before.

    Args:
        now: the frame's own transform.
        before: what this function gave for the frame before; None at the first frame.

    Returns:
        A transform for the frame, on the CPU; its own after a cut or where the frame has another size than the one before.
    """
    coefficients, lightness = now.coefficients.cpu(), now.lightness.cpu()
    if before is None or before.lightness.shape != lightness.shape:
        return ColorTransform(coefficients, lightness, now.look, now.made)
    there, back = flow(lightness, before.lightness), flow(before.lightness, lightness)
    missed = (there + carried(back, there)).norm(dim=-1)
    difference = box_mean((lightness - carried(before.lightness[..., None], there)[..., 0]).abs()[None], 1)[0]
    agreement = torch.exp(-((difference / _AGREEING) ** 2) - (missed / _ASTRAY) ** 2)
    if float(agreement.mean()) < _CUT:
        return ColorTransform(coefficients, lightness, now.look, now.made)
    memory = (_MEMORY * agreement)[..., None]
    return ColorTransform(coefficients + memory * (carried(before.coefficients, there) - coefficients), lightness, now.look, now.made)
