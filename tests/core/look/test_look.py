"""The look of a whole picture: planted looks, what must never happen, and pictures that have no look."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nct_core.look import Look, estimate_look
from nct_core.look.palette import palette_map
from nct_core.look.prior import predict_table
from nct_core.look.statistics import color_statistics, sample_pixels
from nct_core.look.table import identity_table, interpolate, rising_lightness, to_lab


def picture(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """A scene of smooth patches in muted colors with blacks and whites: float32 [height, width, 3] in [0, 1]."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    scene = np.zeros((height, width, 3))
    for _ in range(12):
        row, column, size = *random.uniform(0, 1, 2), random.uniform(0.05, 0.3)
        gray = random.uniform(0, 1)
        color = np.clip(gray + random.normal(0, 0.12, 3), 0, 1)
        weight = np.exp(-((((rows - row) ** 2 + (columns - column) ** 2) / size**2) ** 2))[..., None]
        scene = scene * (1 - weight) + color * weight
    scene = scene * (0.9 + 0.1 * np.sin(40 * rows)[..., None])
    scene[:6], scene[-6:] = 0.0, 1.0
    return scene.astype(np.float32)


def faded_and_warm(image: np.ndarray) -> np.ndarray:
    return np.clip(np.float32((0.18, 0.13, 0.12)) + image * np.float32((0.75, 0.68, 0.52)), 0, 1)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean Euclidean distance in Lab."""
    return float(np.linalg.norm(to_lab(one) - to_lab(other), axis=-1).mean())


def test_the_same_picture_twice_changes_nothing():
    image = picture(1)
    for undo in (0.0, 0.5, 1.0):
        assert np.abs(estimate_look(image, image, undo=undo, palette=0.7).apply(image) - image).max() < 5e-3


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_look_of_another_picture_is_found(seed):
    source, other = picture(seed), picture(seed + 100)
    wanted = faded_and_warm(source)
    result = estimate_look(source, faded_and_warm(other)).apply(source)
    assert distance(result, wanted) < 0.75 * distance(source, wanted)


def test_a_gray_reference_makes_the_result_gray():
    gray = np.repeat(picture(2)[..., 1:2], 3, 2)
    look = estimate_look(picture(3), gray)
    assert np.ptp(look.apply(picture(3)), axis=-1).max() < 0.01
    assert look.limit == "gray"


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_reference_of_one_tone_changes_nothing(level):
    look = estimate_look(picture(4), np.full((50, 70, 3), level, np.float32))
    assert np.abs(look.table - identity_table()).max() < 1e-6
    assert look.limit == "flat"


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (32, 32), (700, 3)])
def test_references_of_any_size(shape):
    assert np.isfinite(estimate_look(picture(5), picture(6, *shape)).table).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_lightness_rises_and_colors_stay_within_bounds(seed, undo, ends, palette):
    random = np.random.default_rng(seed)
    source, reference = (np.clip(picture(seed + k) * random.uniform(0.3, 2, 3) + random.normal(0, 0.2, 3), 0, 1).astype(np.float32) for k in (0, 1))
    table = estimate_look(source, reference, undo=undo, ends=ends, palette=palette).table
    assert table.min() >= 0 and table.max() <= 1
    grays = to_lab(interpolate(table, np.repeat(np.linspace(0, 1, 65)[:, None], 3, 1)))
    assert np.diff(grays[:, 0]).min() > -1.0  # clipping to sRGB costs a little, at most 0.7 in what was found
    largest = max(np.hypot(*np.moveaxis(to_lab(x)[..., 1:], -1, 0)).max() for x in (source, reference))
    result = to_lab(interpolate(table, source.reshape(-1, 3)))
    assert np.hypot(result[:, 1], result[:, 2]).max() < 1.2 * largest + 6


def test_the_same_pictures_give_the_same_bits():
    one, other = (estimate_look(picture(7), picture(8)).table for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_statistics_do_not_depend_on_the_order_of_pixels():
    pixels = sample_pixels(picture(9))
    shuffled = np.random.default_rng(0).permutation(pixels)
    np.testing.assert_allclose(color_statistics(pixels), color_statistics(shuffled), atol=1e-9)


def test_equal_statistics_give_the_identity():
    numbers = color_statistics(sample_pixels(picture(10)))
    assert (predict_table(numbers, numbers, 0.3) == identity_table()).all()


def test_lightness_that_rises_is_kept():
    lightness = identity_table(5).mean(-1)
    assert (rising_lightness(lightness) == lightness).all()


def test_the_palette_map_of_a_planted_map():
    random = np.random.default_rng(0)
    colors = random.normal(size=(4000, 3)) * (20, 15, 10)
    planted = np.array([[1.3, 0.2], [0.2, 0.8]])
    moved = np.concatenate([colors[:, :1], colors[:, 1:] @ planted.T + (4, -6)], 1)
    matrix, shift = palette_map(colors, moved)
    np.testing.assert_allclose(matrix, planted, atol=0.02)
    np.testing.assert_allclose(shift, (4, -6), atol=0.3)


def test_strength_and_excess_are_linear():
    look = Look(np.clip(identity_table() * 0.5, 0, 1))
    colors = np.float32([[0.4, 0.4, 0.4], [1.2, 1.0, 1.0]])
    np.testing.assert_allclose(look.apply(colors, 0.5), [[0.3, 0.3, 0.3], [0.95, 0.75, 0.75]], atol=1e-6)
