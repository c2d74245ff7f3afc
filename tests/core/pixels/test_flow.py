"""Optical flow: a planted shift."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from pictures import blobs

from nct_core import InputError
from nct_core.pixels import flow


def texture(seed: int = 0) -> torch.Tensor:
    fine = np.random.default_rng(seed).random((16, 24))
    return torch.nn.functional.interpolate(torch.from_numpy(fine).float()[None, None], size=(96, 144), mode="bicubic")[0, 0].clamp(0, 1)


@pytest.mark.parametrize("shift", [(0, 3), (-2, 0), (4, -5)])
def test_a_planted_shift_is_found(shift: tuple[int, int]) -> None:
    before = texture()
    way = flow.flow(before.roll(shift, (0, 1)), before)
    inside = way[16:-16, 16:-16]
    assert (inside + torch.tensor(shift)).norm(dim=-1).mean() < 0.3


def test_what_is_carried_comes_from_where_it_was() -> None:
    plane = torch.from_numpy(blobs(1, (20, 30), dtype="float32"))
    way = torch.zeros(20, 30, 2)
    way[..., 0], way[..., 1] = 2.0, -3.5
    found = flow.carried(plane, way)
    torch.testing.assert_close(found[:18, 4:], ((plane[2:, :-4] + plane[2:, 1:-3]) / 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(flow.carried(plane, torch.zeros(20, 30, 2)), plane, atol=1e-5, rtol=0)


def test_tiny_frames_have_no_flow() -> None:
    assert (flow.flow(torch.rand(8, 40), torch.rand(8, 40)) == 0).all()


def test_without_open_cv_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    flow.check_installed()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"expected OpenCV for frames, it is not installed; run: .* -m pip install opencv-python-headless"):
        flow.check_installed()
