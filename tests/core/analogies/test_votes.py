"""Averaged votes against a count by hand, and copies of whole cells at larger sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nct_core.analogies.votes import vote
from nct_core.matching.field import identity_field


def random_case(seed: int = 0) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    field = torch.from_numpy(np.stack([rng.integers(0, 6, (5, 7)), rng.integers(0, 4, (5, 7))], -1)).int()
    values = torch.from_numpy(rng.random((6, 4, 2), np.float32))
    valid, to_valid = (torch.from_numpy(rng.random(shape) < 0.8) for shape in ((5, 7), (6, 4)))
    return field, valid, values, to_valid


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_votes_are_those_counted_by_hand(radius: int) -> None:
    field, valid, values, to_valid = random_case()
    found = vote(field, valid, values, to_valid, (5, 7), radius=radius)
    for row in range(5):
        for col in range(7):
            votes = []
            for i in range(max(0, row - radius), min(5, row + radius + 1)):
                for j in range(max(0, col - radius), min(7, col + radius + 1)):
                    to_row, to_col = field[i, j, 0] + row - i, field[i, j, 1] + col - j
                    if valid[i, j] and 0 <= to_row < 6 and 0 <= to_col < 4 and to_valid[to_row, to_col]:
                        votes.append(values[to_row, to_col])
            expected = torch.stack(votes).mean(0) if votes else values[field[row, col, 0], field[row, col, 1]]
            torch.testing.assert_close(found[row, col], expected)


def test_a_coarse_field_copies_fine_detail_as_it_is() -> None:
    """A shift by one cell of 4 px is a shift by 4 px: nothing is resampled."""
    fine = torch.from_numpy(np.random.default_rng(1).random((24, 32, 3), np.float32))
    field = identity_field((6, 8), (6, 8), fine.device)
    field[..., 1] = (field[..., 1] + 1).clamp_max(7)
    valid = torch.ones(6, 8, dtype=torch.bool)
    found = vote(field, valid, fine, valid, (24, 32), radius=1)
    torch.testing.assert_close(found[:, :20], fine[:, 4:24])


def test_work_is_reported_and_can_be_stopped() -> None:
    field, valid, values, to_valid = random_case()
    told: list[float] = []
    vote(field, valid, values, to_valid, (5, 7), radius=1, advance=told.append)
    assert told[-1] == 1.0

    def stop(_done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vote(field, valid, values, to_valid, (5, 7), radius=1, advance=stop)
