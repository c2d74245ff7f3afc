"""Differences that come back, by a dense solve of the same equation and by planted pictures."""

import numpy as np
import pytest
import torch

from nct_core.transform import separation
from nct_core.transform.separation import separate


def pictures(seed: int, shape: tuple[int, int] = (7, 9)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, 3, generator=generator), torch.rand(*shape, 3, generator=generator)


def averaged(picture: np.ndarray, radius: int) -> np.ndarray:
    """Means over the part of each window that lies inside."""
    result = np.empty_like(picture)
    for row, column in np.ndindex(picture.shape[:2]):
        result[row, column] = picture[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1].mean((0, 1))
    return result


def dense(recolored: np.ndarray, kept: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """The minimum of screening |x - r|^2 + sum |x_q - x_p - g_pq|^2, as one dense least-squares system."""
    height, width = recolored.shape[:2]
    smooth_recolored, smooth_kept = (averaged(picture, separation._SMOOTHING_RADIUS) for picture in (recolored, kept))
    number = np.arange(height * width).reshape(height, width)
    rows, wanted = [], []
    for axis in (0, 1):
        for p in np.ndindex(height - (axis == 0), width - (axis == 1)):
            q = (p[0] + (axis == 0), p[1] + (axis == 1))
            present, true = recolored[q] - recolored[p], kept[q] - kept[p]
            change, wish = smooth_recolored[q] - smooth_recolored[p], smooth_kept[q] - smooth_kept[p]
            same_way = np.clip(1 + separation._REVERSAL * (change @ wish) / (wish @ wish + 1e-8), 0, 1)
            share = np.clip(1 - np.linalg.norm(present) / (np.linalg.norm(true) + 1e-8), 0, 1) * amount[q] * same_way
            row = np.zeros(height * width)
            row[number[q]], row[number[p]] = 1, -1
            rows.append(row)
            wanted.append(present + share * (true - present))
    root = separation._SCREENING**0.5
    system = np.concatenate([np.stack(rows), root * np.eye(height * width)])
    right = np.concatenate([np.stack(wanted), root * recolored.reshape(-1, 3)])
    return np.linalg.lstsq(system, right, rcond=None)[0].reshape(recolored.shape)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_minimum(seed: int) -> None:
    recolored, kept = pictures(seed)
    amount = torch.rand(7, 9, generator=torch.Generator().manual_seed(seed + 9))
    expected = dense(*(x.double().numpy() for x in (recolored, kept, amount)))
    assert np.abs(separate(recolored, kept, amount).numpy() - expected).max() < 1e-4


def test_what_lost_nothing_stays() -> None:
    recolored, _ = pictures(0, (40, 30))
    assert (separate(2 * recolored, recolored, torch.ones(40, 30)) - 2 * recolored).abs().max() < 1e-4
    assert (separate(torch.zeros(40, 30, 3), recolored, torch.zeros(40, 30))).abs().max() < 1e-5


def test_an_object_that_melted_is_seen_again() -> None:
    kept = torch.zeros(60, 80, 3)
    kept[20:40, 30:50, 1] = 0.3
    result = separate(torch.full((60, 80, 3), 0.5), kept, torch.ones(60, 80))
    assert result[30, 40, 1] - result[30, 10, 1] > 0.15
    assert (result[..., 0] - 0.5).abs().max() < 1e-4


def test_no_halo_grows_where_light_and_dark_have_changed_places() -> None:
    """A sky that was lighter than the town and is darker now: nothing of it becomes lighter beside the town."""
    kept, recolored = torch.zeros(60, 80, 3), torch.zeros(60, 80, 3)
    kept[:30, :, 0], recolored[30:, :, 0] = 0.6, 0.3
    result = separate(recolored, kept, torch.ones(60, 80))
    assert result[:30, :, 0].max() < 0.02
