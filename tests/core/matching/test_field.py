import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nct_core.matching.field import identity_field, move_to_valid, to_pixels, upsample_field

CPU = torch.device("cpu")
sides = st.integers(1, 40)
shapes = st.tuples(sides, sides)


@given(shape=shapes, target=shapes)
def test_identity_is_monotonic_and_stays_inside(shape, target):
    field = identity_field(shape, target, CPU).numpy()
    assert field.shape == (*shape, 2)
    assert (np.diff(field[..., 0], axis=0) >= 0).all() and (np.diff(field[..., 1], axis=1) >= 0).all()
    assert field.min() >= 0 and (field < target).all()


def test_identity_between_equal_grids_maps_every_position_to_itself():
    rows, cols = np.mgrid[:7, :5]
    np.testing.assert_array_equal(identity_field((7, 5), (7, 5), CPU), np.stack([rows, cols], -1))


@pytest.mark.parametrize("offset", [(2, -1), (0, 0), (-3, 2)])
def test_upsampling_a_constant_offset_doubles_it(offset):
    rows, cols = np.mgrid[:10, :12]
    field = torch.from_numpy(np.stack([rows + offset[0] + 5, cols + offset[1] + 5], -1)).int()
    fine = upsample_field(field, (20, 24), (40, 44), (20, 22))
    rows, cols = np.mgrid[:20, :24]
    np.testing.assert_array_equal(fine, np.stack([rows + 2 * offset[0] + 10, cols + 2 * offset[1] + 10], -1))


@given(coarse=shapes, target=shapes, seed=st.integers(0, 1000))
def test_upsampling_to_any_size_stays_inside(coarse, target, seed):
    rng = np.random.default_rng(seed)
    field = torch.from_numpy(np.stack([rng.integers(0, n, coarse) for n in target], -1)).int()
    shape, fine_target = (2 * coarse[0] + 1, 2 * coarse[1]), (2 * target[0], 2 * target[1] + 1)
    fine = upsample_field(field, shape, fine_target, target).numpy()
    assert fine.shape == (*shape, 2) and fine.min() >= 0 and (fine < fine_target).all()


def test_correspondences_of_the_identity_are_the_pixels_themselves():
    pixels = to_pixels(identity_field((10, 12), (10, 12), CPU).numpy(), (10, 12), (40, 48), (40, 48))
    rows, cols = np.mgrid[:40, :48]
    np.testing.assert_allclose(pixels, np.stack([rows, cols], -1), atol=1e-4)


def test_matches_move_to_the_nearest_valid_position():
    valid = np.zeros((6, 6), bool)
    valid[2, 3] = valid[5, 0] = True
    moved = move_to_valid(identity_field((6, 6), (6, 6), CPU), torch.from_numpy(valid)).numpy()
    assert {tuple(position) for position in moved.reshape(-1, 2)} == {(2, 3), (5, 0)}
    assert tuple(moved[0, 5]) == (2, 3) and tuple(moved[5, 1]) == (5, 0)
