"""Transforms of frames: what flickers becomes steady, what moves and what is cut does not drag along."""

from __future__ import annotations

import numpy as np
import torch

from nct_core.transform.apply import ColorTransform
from nct_core.transform.steady import steadied


def texture(seed: int) -> torch.Tensor:
    fine = np.random.default_rng(seed).random((16, 24))
    return torch.nn.functional.interpolate(torch.from_numpy(fine).float()[None, None], size=(96, 144), mode="bicubic")[0, 0].clamp(0, 1)


def lifted(lightness: torch.Tensor, by: float) -> ColorTransform:
    coefficients = torch.tensor([1.0, by, 1.0, 0.0, 1.0, 0.0]).expand(*lightness.shape, 6).contiguous()
    return ColorTransform(coefficients, lightness)


def test_flicker_is_averaged_away() -> None:
    rng, scene, before, offsets = np.random.default_rng(0), texture(0), None, []
    for number in range(40):
        before = steadied(lifted(scene.roll(number, 1), 0.1 + 0.05 * rng.standard_normal()), before)
        offsets.append(before.coefficients[20:-20, 20:-20, 1])
    late = torch.stack(offsets[15:])
    assert late.diff(dim=0).abs().mean() < 0.015 and abs(float(late.mean()) - 0.1) < 0.03


def test_a_cut_begins_anew() -> None:
    before = steadied(lifted(texture(0), 0.3), None)
    found = steadied(lifted(texture(1), -0.2), before)
    torch.testing.assert_close(found.coefficients, lifted(texture(1), -0.2).coefficients)


def test_another_size_begins_anew() -> None:
    before = lifted(texture(0), 0.3)
    now = lifted(texture(0)[:80], 0.1)
    torch.testing.assert_close(steadied(now, before).coefficients, now.coefficients)


def test_what_moves_takes_its_transform_along() -> None:
    """A bright square moves over a dark ground; its own transform and the ground's stay with them."""

    def frame(left: int) -> tuple[torch.Tensor, torch.Tensor]:
        lightness, inside = 0.2 + 0.1 * texture(2), torch.zeros(96, 144, dtype=torch.bool)
        inside[30:62, left : left + 32] = True
        lightness[30:62, left : left + 32] = 0.6 + 0.3 * texture(3)[:32, :32]
        return lightness, inside

    before = None
    for step in range(8):
        lightness, inside = frame(20 + 4 * step)
        own = lifted(lightness, 0.0)
        own.coefficients[..., 1] = torch.where(inside, 0.2, -0.1)
        before = steadied(own, before)
    assert before is not None
    assert (before.coefficients[..., 1] - own.coefficients[..., 1]).abs().mean() < 0.02
