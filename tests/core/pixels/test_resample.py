"""Averages over windows: against their definition, PyTorch's pooling, and any number of threads."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nct_core.pixels.resample import box_mean
from nct_core.runtime import threads


def _planes(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 8, 40])
@pytest.mark.parametrize("shape", [(2, 17, 23), (1, 1, 9), (3, 9, 1), (1, 3, 2)])
def test_every_value_is_the_mean_of_the_window_inside_the_plane(shape: tuple[int, int, int], radius: int) -> None:
    planes = _planes(*shape)
    found = box_mean(planes, radius).numpy()
    for plane, row, col in np.ndindex(*shape):
        window = planes[plane, max(row - radius, 0) : row + radius + 1, max(col - radius, 0) : col + radius + 1].double()
        assert found[plane, row, col] == pytest.approx(float(window.mean()), abs=3e-7)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_small_windows_give_the_bits_of_pytorch(radius: int) -> None:
    planes = _planes(2, 50, 61)
    assert torch.equal(box_mean(planes, radius), F.avg_pool2d(planes[None], 2 * radius + 1, 1, radius, count_include_pad=False)[0])


@pytest.mark.parametrize("radius", [2, 9])
def test_no_bit_depends_on_the_number_of_threads(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = _planes(2, 400, 300)
    results = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(threads, "count", lambda cores=cores: cores)
        results.append(box_mean(planes, radius))
    assert all(torch.equal(results[0], other) for other in results[1:])
