import numpy as np
import pytest
import torch

from nct_core import TransferParams
from nct_core.features.fixed_point import PATCH_COUNTS, UNIT, fixed_point
from nct_core.guidance.source_level import compare_by
from nct_core.matching.field import identity_field, move_to_valid
from nct_core.matching.patchmatch import Search, patchmatch, plan
from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch
from nct_core.matching.patchmatch.problem import Problem
from nct_core.runtime import threads

RUNS = [patchmatch_cpu.patchmatch, patchmatch_torch.patchmatch]


def unit_features(rng, shape, channels=16, smooth=2):
    """Smooth random non-negative vectors, like a network's."""
    planes = torch.from_numpy(rng.standard_normal((1, channels, *shape)).astype(np.float32))
    for _ in range(smooth):
        planes = torch.nn.functional.avg_pool2d(planes, 3, 1, 1)
    features = planes[0].permute(1, 2, 0).relu() + 1e-3
    return fixed_point(features).contiguous()


def similarities(a, b):
    """Brute force: for every position of a and of b the mean dot product over the patch positions inside both, [h, w, H, W]."""
    (h, w, _), (to_h, to_w, _) = a.shape, b.shape
    dots = np.einsum("ijc,klc->ijkl", a.numpy() / UNIT, b.numpy() / UNIT)
    total, count = np.zeros_like(dots), np.zeros_like(dots)
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in ((di, h), (dj, w), (di, to_h), (dj, to_w)))
            there = tuple(slice(max(0, d), n + min(0, d)) for d, n in ((di, h), (dj, w), (di, to_h), (dj, to_w)))
            total[here] += dots[there]
            count[here] += 1
    return total / count


def search(a, b, run=patchmatch, valid=None, radii=(32, 16, 8, 4, 2, 1), reach=10**6, iterations=10, seed=0):
    valid = torch.ones(b.shape[:2], dtype=torch.bool) if valid is None else valid
    start = move_to_valid(identity_field(a.shape[:2], b.shape[:2], a.device), valid)
    if run is patchmatch:
        return run(a, b, start, valid, search=Search(radii, reach, iterations), seed=seed).cpu().numpy()
    none = torch.zeros(a.shape[:2], dtype=torch.int32)
    return run(Problem(a, b, start, valid, none, radii, reach, iterations, seed)).cpu().numpy()


def related(rng):
    """Two noisy views of one scene, the second turned left to right in its right half: what matching is for."""
    scene = unit_features(rng, (28, 30))
    turned = torch.cat([scene[:, :15], scene[:, 15:].flip(1)], 1)
    noisy = [view / UNIT + 0.05 * torch.from_numpy(rng.random(view.shape).astype(np.float32)) for view in (scene[2:26], turned)]
    return [fixed_point(view).contiguous() for view in noisy]


def unrelated(rng):
    """Two images that have nothing in common: no neighbor ever helps, the random search is on its own."""
    return unit_features(rng, (24, 30)), unit_features(rng, (28, 22))


@pytest.mark.parametrize(("pair", "least_exact", "most_ratio"), [(related, 0.93, 1.02), (unrelated, 0.6, 1.05)])
def test_against_brute_force(pair, least_exact, most_ratio):
    a, b = pair(np.random.default_rng(1))
    truth = similarities(a, b)
    field = search(a, b)
    rows, cols = np.mgrid[: a.shape[0], : a.shape[1]]
    found, best = truth[rows, cols, field[..., 0], field[..., 1]], truth.max((2, 3))
    exact = float((found >= best - 1e-6).mean())
    ratio = float((1 - found).mean() / (1 - best).mean())
    print(f"{pair.__name__}: exact matches {exact:.3f}, mean distance ratio {ratio:.4f}")
    assert exact >= least_exact and ratio <= most_ratio


def test_a_planted_shift_is_found():
    rng = np.random.default_rng(2)
    scene = unit_features(rng, (40, 40), smooth=1)
    a, b = scene[4:34, 6:36].contiguous(), scene[:36, :38].contiguous()
    field = search(a, b)
    rows, cols = np.mgrid[:30, :30]
    inside = np.s_[1:29, 1:29]
    assert (field[inside] == np.stack([rows + 4, cols + 6], -1)[inside]).all(-1).mean() > 0.99


def test_devices_agree_and_the_seed_decides():
    rng = np.random.default_rng(3)
    a, b = unit_features(rng, (17, 23)), unit_features(rng, (19, 15))
    cpu = search(a, b, patchmatch_cpu.patchmatch, iterations=4)
    generic = search(a, b, patchmatch_torch.patchmatch, iterations=4)
    np.testing.assert_array_equal(cpu, generic)
    np.testing.assert_array_equal(cpu, search(a, b, iterations=4))
    assert (search(a, b, radii=(8,), iterations=1) != search(a, b, radii=(8,), iterations=1, seed=1)).any()


def test_threads_do_not_change_the_field(monkeypatch):
    rng = np.random.default_rng(4)
    a, b = unit_features(rng, (33, 21)), unit_features(rng, (25, 27))
    many = search(a, b)
    monkeypatch.setattr(threads, "count", lambda: 1)
    np.testing.assert_array_equal(many, search(a, b))


@pytest.mark.parametrize("run", RUNS)
def test_matches_stay_within_reach(run):
    rng = np.random.default_rng(6)
    a, b = unit_features(rng, (20, 18)), unit_features(rng, (16, 24))
    start = identity_field((20, 18), (16, 24), a.device).numpy()
    moved = np.abs(search(a, b, run, reach=3, iterations=3) - start)
    assert moved.max() == 3


def resisting(a, b, resistance, run=patchmatch_cpu.patchmatch, seed=0):
    """The field of a search that resists everywhere by ``resistance`` similarity per cell, the start, and all similarities."""
    start = identity_field(a.shape[:2], b.shape[:2], a.device)
    per_cell = torch.full(a.shape[:2], round(resistance * PATCH_COUNTS * UNIT**2), dtype=torch.int32)
    found = run(Problem(a, b, start, torch.ones(b.shape[:2], dtype=torch.bool), per_cell, radii=(8, 4, 2, 1), reach=10, iterations=10, seed=seed))
    return found.numpy(), start.numpy(), similarities(a, b)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("pair", [related, unrelated])
def test_a_match_moves_only_where_the_gain_exceeds_the_cost(run, pair):
    a, b = pair(np.random.default_rng(8))
    rows, cols = np.mgrid[: a.shape[0], : a.shape[1]]
    gains, cells = [], []
    for resistance in (0.0, 0.01):
        field, start, truth = resisting(a, b, resistance, run)
        gains.append(truth[rows, cols, field[..., 0], field[..., 1]] - truth[rows, cols, start[..., 0], start[..., 1]])
        cells.append(np.abs(field - start).sum(-1))
    moved = cells[1] > 0
    assert (gains[1][moved] > 0.01 * cells[1][moved] - 1e-8).all()
    assert (gains[0] < 0.01 * cells[0]).any()  # without, some do for less
    assert moved.sum() > 10 and cells[1].sum() < 0.9 * cells[0].sum()
    # Of all matches within reach most are the ones of the highest worth.
    there = np.stack(np.mgrid[: b.shape[0], : b.shape[1]], -1)
    away = np.abs(there - start[:, :, None, None])
    worth = np.where((away <= 10).all(-1), truth - 0.01 * away.sum(-1), -1.0)
    assert (gains[1] - 0.01 * cells[1] + truth[rows, cols, start[..., 0], start[..., 1]] >= worth.max((2, 3)) - 1e-6).mean() > 0.6


@pytest.mark.parametrize("run", RUNS)
def test_nothing_moves_against_a_very_high_resistance(run):
    a, b = related(np.random.default_rng(9))
    a, b = (fixed_point(x + 3 * UNIT).contiguous() for x in (a.float(), b.float()))  # all much alike
    field, start, truth = resisting(a, b, 0.05, run)
    assert truth.max() - truth.min() < 0.05 and (resisting(a, b, 0.0, run)[0] != start).any()
    np.testing.assert_array_equal(field, start)


def test_resistance_is_similarity_per_cell():
    a, b = related(np.random.default_rng(10))
    start, valid, options = (
        identity_field(a.shape[:2], b.shape[:2], a.device),
        torch.ones(b.shape[:2], dtype=torch.bool),
        {"search": Search((4, 2, 1), 8, 3), "seed": 1},
    )
    free = patchmatch(a, b, start, valid, **options)
    assert torch.equal(free, patchmatch(a, b, start, valid, resistance=torch.zeros(a.shape[:2]), **options))
    resistance = 0.03 * torch.rand(a.shape[:2], generator=torch.Generator().manual_seed(1))
    whole = (resistance * float(PATCH_COUNTS * UNIT**2)).round().int()
    found = patchmatch(a, b, start, valid, resistance=resistance, **options)
    for run in RUNS:
        assert torch.equal(found, run(Problem(a, b, start, valid, whole, radii=(4, 2, 1), reach=8, iterations=3, seed=1)))
    assert not torch.equal(found, free)


@pytest.mark.parametrize("reach", [1, 8, 200])
def test_the_highest_resistance_does_not_overflow(reach):
    a, b = unrelated(np.random.default_rng(11))
    start, valid = identity_field(a.shape[:2], b.shape[:2], a.device), torch.ones(b.shape[:2], dtype=torch.bool)
    found = []
    for run in RUNS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(patchmatch_cpu, "patchmatch", run)
            found.append(patchmatch(a, b, start, valid, resistance=torch.full(a.shape[:2], 1e6), search=Search((8, 1), reach, 3), seed=0))
    assert torch.equal(*found)
    if reach == 1:
        assert torch.equal(found[0], start)
    # The rest is free: matches there are found as without.
    half = torch.zeros(a.shape[:2])
    half[:, :5] = 1e6
    there = patchmatch(a, b, start, valid, resistance=half, search=Search((8, 1), 1, 3), seed=0)
    assert torch.equal(there[:, :5], start[:, :5]) and not torch.equal(there[:, 5:], start[:, 5:])


@pytest.mark.parametrize("run", RUNS)
def test_invalid_positions_are_never_matched(run):
    rng = np.random.default_rng(5)
    a, b = unit_features(rng, (16, 16)), unit_features(rng, (16, 16))
    valid = torch.from_numpy(rng.random((16, 16)) < 0.3)
    field = search(a, b, run, valid=valid, iterations=3)
    assert valid[field[..., 0], field[..., 1]].all()


def test_random_numbers_are_the_same_on_every_device():
    positions = np.array([0, 1, 77, 2**20 + 3, 2**31 - 1])
    for seed, iteration, trial in ((0, 0, 0), (5, 9, 13), (2**31 - 1, 49, 20)):
        cpu = [int(patchmatch_cpu.hash_u32(seed, iteration, trial, p)) for p in positions]
        generic = patchmatch_torch._hash_u32(seed, iteration, trial, torch.from_numpy(positions)).tolist()
        assert cpu == generic


PUBLISHED = TransferParams(match_drift=100.0)


def test_without_a_limit_the_search_is_the_programs():
    assert [plan(level, 700, PUBLISHED) for level in (5, 3, 1)] == [
        Search((43, 21, 10, 5, 2, 1), 700, 10),
        Search((10, 5, 2, 1), 700, 10),
        Search((32, 16, 8, 4, 2, 1), 700, 10),
    ]
    assert plan(3, 32, TransferParams(match_drift=100.0, patchmatch_iterations=1)) == Search((1,), 32, 1)


def test_finer_levels_stay_near_the_coarser_ones_matches():
    assert plan(5, 700, TransferParams(match_drift=8.0)) == plan(5, 700, PUBLISHED)
    assert [plan(level, 700, TransferParams(match_drift=8.0)) for level in (4, 1)] == [Search((4, 2, 1), 7, 10), Search((4, 2, 1), 56, 2)]
    assert plan(4, 64, TransferParams(match_drift=1.0)).reach == 1


def test_patches_are_compared_at_two_scales_at_the_coarsest_level_only():
    features, half = unit_features(np.random.default_rng(7), (4, 6), 512), unit_features(np.random.default_rng(8), (2, 3), 512)
    assert compare_by(5, features, half).shape == (4, 6, 1024)
    assert compare_by(4, features, half) is features
    assert compare_by(5, features, None) is features  # as published
