"""Semi-global matching, against a dynamic program over all pairs of matches and on planted truth."""

import numpy as np
import pytest
import torch

from nct_core.features.fixed_point import fixed_point
from nct_core.matching import coarsest
from nct_core.matching.field import identity_field
from nct_core.runtime import threads
from nct_core.runtime.progress import unwatched


def scene(seed, shape, channels=24, smooth=1):
    """Random non-negative vectors, a little alike among neighbors, float32 [h, w, C]."""
    planes = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, channels, *shape)).astype(np.float32))
    for _ in range(smooth):
        planes = torch.nn.functional.avg_pool2d(planes, 3, 1, 1)
    return torch.nn.functional.normalize(planes[0].permute(1, 2, 0).relu() + 1e-3, dim=-1)


def everywhere(features):
    return np.ones(features.shape[:2], np.bool_)


def fields(a, b, a_valid=None, b_valid=None):
    a_valid, b_valid = (everywhere(x) if valid is None else valid for x, valid in ((a, a_valid), (b, b_valid)))
    found = coarsest.fields(fixed_point(a), fixed_point(b), torch.from_numpy(a_valid), torch.from_numpy(b_valid))
    return [found.forward.numpy(), found.backward.numpy()]


def here(shape):
    return np.stack(np.mgrid[: shape[0], : shape[1]], -1)


def moved(shape, by):
    return here(shape) + np.array(by)


def best_path(costs, charge, largest):
    """The four paths' costs added up; every match is tried after every match, float64 [h, w, H, W]."""
    height, width, to_height, to_width = costs.shape
    labels = [np.array(label) for label in np.ndindex(to_height, to_width)]
    costs = costs.reshape(height, width, -1).astype(np.float64)
    totals = np.zeros_like(costs)
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        along = [np.clip(label + step, 0, (to_height - 1, to_width - 1)) for label in labels]
        departing = np.array([[min(charge * np.abs(label - origin).sum(), largest) for origin in along] for label in labels])
        paths = np.zeros_like(costs)
        rows, cols = (range(n) if d >= 0 else range(n - 1, -1, -1) for n, d in zip((height, width), step))
        for row in rows:
            for col in cols:
                paths[row, col] = costs[row, col]
                if 0 <= row - step[0] < height and 0 <= col - step[1] < width:
                    before = paths[row - step[0], col - step[1]]
                    paths[row, col] += (departing + before).min(1) - before.min()
        totals += paths
    return totals.reshape(height, width, to_height, to_width)


@pytest.mark.parametrize(("shape", "to_shape"), [((4, 5), (5, 4)), ((6, 3), (2, 7)), ((1, 4), (3, 1)), ((1, 1), (2, 2))])
@pytest.mark.parametrize(("charge", "largest"), [(0.2, 2.0), (0.3, 0.5)])
def test_path_costs_against_every_pair_of_matches(shape, to_shape, charge, largest, monkeypatch):
    monkeypatch.setattr(coarsest, "_CHARGE", charge)
    monkeypatch.setattr(coarsest, "_LARGEST_CHARGE", largest)
    costs = np.random.default_rng(1).random((*shape, *to_shape), np.float32)
    truth = best_path(costs, charge, largest)
    np.testing.assert_allclose(coarsest._path_costs(costs, unwatched), truth, atol=2e-5)
    assert coarsest.mean_cost(costs) == pytest.approx(truth.min((2, 3)).mean(), abs=1e-5)


def test_holes_in_path_costs():
    """What is not valid costs more, so that paths avoid it, and is never chosen."""
    costs, valid = np.random.default_rng(2).random((5, 4, 4, 6), np.float32), np.random.default_rng(3).random((4, 6)) < 0.5
    truth = np.where(valid, best_path(np.where(valid, costs, 4.0), 0.2, 2.0), np.inf)
    rows, cols = np.mgrid[:5, :4]
    found = coarsest._field(costs, valid, unwatched).numpy()
    np.testing.assert_allclose(truth[rows, cols, found[..., 0], found[..., 1]], truth.min((2, 3)), atol=2e-5)


def test_a_planted_shift_is_found_in_both_directions():
    b = scene(4, (22, 24))
    a = b[3:17, 5:21]
    forward, back = fields(a, b)
    np.testing.assert_array_equal(forward[1:-1, 1:-1], moved(a.shape, (3, 5))[1:-1, 1:-1])
    np.testing.assert_array_equal(back[4:16, 6:20], moved(b.shape, (-3, -5))[4:16, 6:20])


def test_neighbors_settle_what_noise_hides_from_single_patches():
    b = scene(5, (20, 24))
    noise = torch.from_numpy(np.random.default_rng(6).random((14, 16, 24)).astype(np.float32))
    a = torch.nn.functional.normalize(b[3:17, 5:21] + 2.0 * noise, dim=-1)
    truth, inside = moved(a.shape, (3, 5)), np.s_[1:-1, 1:-1]
    costs = coarsest.dissimilarities(fixed_point(a), fixed_point(b))
    alone = np.stack(np.unravel_index(costs.reshape(14, 16, -1).argmin(-1), b.shape[:2]), -1)
    right_alone, right = ((found == truth)[inside].all(-1).mean() for found in (alone, fields(a, b)[0]))
    print(f"right: {right_alone:.3f} of single patches, {right:.3f} together")
    assert right_alone < 0.5 and right > 0.95


def test_past_a_cut_off_border_the_field_stays_at_the_border():
    b = scene(7, (14, 18))
    # To the left the source goes on as the reference's edge does.
    noise = torch.from_numpy(np.random.default_rng(8).random((14, 26, 24)).astype(np.float32))
    a = torch.nn.functional.normalize(torch.cat([b[:, :1].expand(14, 8, 24), b], 1) + 0.5 * noise, dim=-1)
    forward, _ = fields(a, b)
    inside = np.s_[1:-1, 9:-1]
    np.testing.assert_array_equal(forward[inside], moved(a.shape, (0, -8))[inside])
    past = forward[1:-1, :8]
    assert (past[..., 1] == 0).mean() > 0.9 and (past[..., 0] == np.arange(1, 13)[:, None]).mean() > 0.9


@pytest.mark.parametrize("shape", [(13, 16), (30, 60)])
def test_holes_are_never_matched_to(shape):
    rng = np.random.default_rng(9)
    a, b = scene(10, shape), scene(11, (17, 12))
    a_valid, b_valid = rng.random(shape) < 0.4, rng.random((17, 12)) < 0.4
    forward, back = fields(a, b, a_valid, b_valid)
    assert b_valid[forward[..., 0], forward[..., 1]].all()
    assert a_valid[back[..., 0], back[..., 1]].all()
    alone = np.zeros(shape, np.bool_)
    alone[5, 7] = True
    assert (fields(a, b, alone)[1] == (5, 7)).all()


@pytest.mark.parametrize(("shape", "to_shape"), [((12, 15), (12, 15)), ((12, 15), (20, 9)), ((20, 96), (20, 96))])
def test_a_flat_picture_gives_the_scaled_identity(shape, to_shape):
    found = fields(torch.ones(*shape, 8), torch.ones(*to_shape, 8))
    for field, one, other in zip(found, (shape, to_shape), (to_shape, shape)):
        away = np.abs(field - identity_field(one, other, torch.device("cpu")).numpy())
        assert away.max() <= (0 if one == other else max(1, *other) / 48 + 1)


def test_grids_above_the_bound_are_matched_at_the_bound():
    b = scene(12, (40, 96), smooth=4)
    a = b[4:36, :80]
    for field, shape, by, inside in zip(fields(a, b), (a.shape, b.shape), ((4, 0), (-4, 0)), (np.s_[2:-2, 2:-2], np.s_[6:-6, 2:78])):
        away = np.abs(field - moved(shape, by))[inside]
        assert field.shape == (*shape[:2], 2) and field.dtype == np.int32
        assert np.median(away) <= 1 and (away.max(-1) <= 3).mean() > 0.95


@pytest.mark.parametrize("cores", [1, 3])
def test_threads_do_not_change_the_fields(cores, monkeypatch):
    a, b = scene(13, (19, 23)), scene(14, (15, 27))
    before = fields(a, b)
    monkeypatch.setattr(threads, "count", lambda: cores)
    for one, other in zip(before, fields(a, b)):
        np.testing.assert_array_equal(one, other)


def test_the_mean_cost_tells_a_scene_from_its_mirror_image():
    scene_, described = scene(15, (16, 20)), []
    for features in (scene_[2:, 3:], scene_[2:, 3:].flip(1)):
        described.append(coarsest.mean_cost(coarsest.dissimilarities(fixed_point(scene_), fixed_point(features))))
    assert described[0] < 0.8 * described[1]
