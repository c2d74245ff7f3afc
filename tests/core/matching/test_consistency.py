"""How far matches agree, on planted fields."""

import numpy as np
import pytest
import torch

from nct_core.matching.consistency import agreement


def positions(shape):
    return np.stack(np.mgrid[: shape[0], : shape[1]], -1)


def field(matches, to_shape):
    """int32 tensor of matches, clamped to the grid that they point into."""
    return torch.from_numpy(np.clip(matches, 0, np.array(to_shape) - 1).astype(np.int32))


def shifted(shape=(12, 14), to_shape=(16, 20), by=(2, 3)):
    return field(positions(shape) + by, to_shape), field(positions(to_shape) - by, shape)


def test_a_shift_agrees_wholly():
    forward, back = shifted()
    torch.testing.assert_close(agreement(forward, back), torch.ones(12, 14))


@pytest.mark.parametrize(("scale", "agreeing"), [(2, 1.0), (3, 0.0)])
def test_neighbors_may_move_apart_by_one_cell(scale, agreeing):
    forward = field(scale * positions((9, 8)), (scale * 9, scale * 8))
    back = field(positions((scale * 9, scale * 8)) // scale, (9, 8))
    torch.testing.assert_close(agreement(forward, back), torch.full((9, 8), agreeing))


def test_matches_at_random_hardly_agree():
    rng = np.random.default_rng(1)
    forward, back = (torch.from_numpy(rng.integers(0, 30, (30, 30, 2), np.int32)) for _ in range(2))
    assert agreement(forward, back).max() < 0.05
    # Nor do they where the way back is right: neighbors do not move along.
    forward = torch.from_numpy(np.random.default_rng(2).permutation(900).astype(np.int32)).view(30, 30)
    back = torch.empty(900, 2, dtype=torch.int32)
    back[forward.flatten().long()] = torch.from_numpy(positions((30, 30)).reshape(-1, 2).astype(np.int32))
    assert agreement(torch.stack([forward // 30, forward % 30], -1), back.view(30, 30, 2)).max() < 0.1


def test_one_wrong_match_lowers_its_surroundings_only():
    forward, back = shifted()
    forward[5, 6] = torch.tensor([15, 0])
    found = agreement(forward, back)
    around = np.zeros((12, 14), bool)
    around[3:8, 4:9] = True
    torch.testing.assert_close(found[~around], torch.ones(int((~around).sum())))
    assert (found[around] < 0.99).all()
    # In the middle nothing agrees; of the neighbors' neighbors seven in eight.
    assert float(found[5, 6]) == pytest.approx(8 * (7 / 8) ** 2 / 9, abs=1e-6)
    assert float(found[3, 4]) == pytest.approx((8 + (7 / 8) ** 2) / 9, abs=1e-6)


def test_the_way_back_has_to_end_near_where_it_began():
    forward, back = shifted()
    astray = back.clone()
    astray[..., 0] = torch.where(back[..., 0] < 6, back[..., 0] + 3, back[..., 0] - 3)
    assert not agreement(forward, astray).any()
    astray[..., 0] = torch.where(back[..., 0] < 6, back[..., 0] + 2, back[..., 0] - 2)
    torch.testing.assert_close(agreement(forward, astray), torch.ones(12, 14))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1)])
def test_grids_of_one_row_or_column(shape):
    identity = field(positions(shape), shape)
    torch.testing.assert_close(agreement(identity, identity), torch.full(shape, 1.0 if max(shape) > 1 else 0.0))
