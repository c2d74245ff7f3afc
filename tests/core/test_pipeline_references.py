"""Transfers from several references: each part of the source takes the colors of the reference that shows its like."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import DeviceError, InputError, TransferParams, TransferResult, transfer
from nct_core.runtime import memory

# The colors of the matches everywhere: by default a reference that seems to carry a grade gives its look instead, and made pictures all seem to.
SMALL = TransferParams(working_size=128, patchmatch_iterations=4, content=1.0)
Image = NDArray[np.float32]


def bricks(shape: tuple[int, int], mortar: tuple[float, float, float], brick: tuple[float, float, float], seed: int) -> Image:
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    cols = cols + 8 * (rows // 8 % 2)
    edge = (rows % 8 < 2) | (cols % 16 < 2)
    image = np.where(edge[..., None], mortar, brick) + 0.02 * rng.standard_normal((*shape, 1))
    return np.clip(image, 0, 1).astype(np.float32)


def leaves(shape: tuple[int, int], dark: tuple[float, float, float], light: tuple[float, float, float], seed: int) -> Image:
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    height = np.zeros(shape)
    for _ in range(shape[0] * shape[1] // 24):
        row, col, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(2, 5)
        near = ((rows - row) ** 2 + (cols - col) ** 2) < radius**2
        height[near] = rng.random()
    return (np.array(dark) + (np.array(light) - np.array(dark)) * height[..., None]).astype(np.float32)


@pytest.fixture(scope="module")
def source() -> Image:
    """Bricks on the left, leaves on the right, 96 x 160."""
    left = bricks((96, 80), (0.75, 0.72, 0.7), (0.6, 0.25, 0.2), 1)
    return np.concatenate([left, leaves((96, 80), (0.05, 0.2, 0.05), (0.4, 0.6, 0.2), 2)], 1)


@pytest.fixture(scope="module")
def references() -> list[Image]:
    """Leaves in autumn, blue bricks, and stripes that the source has nothing of, all of other sizes."""
    stripes = np.repeat(np.kron(np.tile([0.1, 0.9], 16), np.ones(3))[None], 60, 0)[..., None] * np.float32([1.0, 0.2, 0.9])
    return [
        leaves((120, 100), (0.35, 0.1, 0.02), (0.95, 0.6, 0.1), 3),
        bricks((90, 110), (0.8, 0.8, 0.85), (0.2, 0.3, 0.7), 4),
        stripes.astype(np.float32),
    ]


@pytest.fixture(scope="module")
def result(source: Image, references: list[Image]) -> TransferResult:
    return transfer(source, references, SMALL)


@pytest.mark.slow
def test_each_part_takes_the_reference_that_shows_its_like(source: Image, references: list[Image], result: TransferResult) -> None:
    assert result.labels.shape == (96, 160) and result.labels.dtype == np.uint8
    assert (result.labels[:, :72] == 1).mean() > 0.92
    assert (result.labels[:, 88:] == 0).mean() > 0.92
    assert result.shares[2] < 0.02 and sum(result.shares) == pytest.approx(1)
    assert result.shares[0] == pytest.approx((result.labels == 0).mean(), abs=0.01)
    for part, reference in ((slice(0, 64), references[1]), (slice(96, 160), references[0])):
        found, wanted, before = (rgb2lab(np.clip(image, 0, 1).mean((0, 1))) for image in (result.image[:, part], reference, source[:, part]))
        assert deltaE_ciede2000(found, wanted) < 9 < 25 < deltaE_ciede2000(before, wanted)


def test_matches_lie_in_each_reference(references: list[Image], result: TransferResult) -> None:
    for number, reference in enumerate(references):
        matches = result.correspondences_in(number)
        assert matches.shape == (96, 160, 2)
        assert matches.min() >= 0 and (matches.max((0, 1)) <= np.array(reference.shape[:2]) - 1).all()
    np.testing.assert_array_equal(result.correspondences, result.correspondences_in(0))


@pytest.mark.slow
def test_another_order_gives_the_same_bits_and_other_labels(source: Image, references: list[Image], result: TransferResult) -> None:
    order = [2, 0, 1]
    other = transfer(source, [references[i] for i in order], SMALL)
    np.testing.assert_array_equal(other.image, result.image)
    np.testing.assert_array_equal(np.array(order)[other.labels], result.labels)
    assert [other.shares[order.index(i)] for i in range(3)] == result.shares
    np.testing.assert_array_equal(other.correspondences_in(1), result.correspondences_in(0))


@pytest.mark.slow
def test_copies_of_one_reference_are_one_reference(source: Image, references: list[Image]) -> None:
    one = transfer(source, references[:1], SMALL)
    assert one.shares == [1.0] and not one.labels.any()
    np.testing.assert_array_equal(transfer(source, [references[0].copy() for _ in range(3)], SMALL).image, one.image)


def test_a_reference_that_fits_nowhere_changes_next_to_nothing(source: Image, references: list[Image], result: TransferResult) -> None:
    without = transfer(source, references[:2], SMALL)
    difference = deltaE_ciede2000(rgb2lab(np.clip(without.image, 0, 1)), rgb2lab(np.clip(result.image, 0, 1)))
    assert np.median(difference) < 0.3


def test_sizes_may_differ_wildly(source: Image, references: list[Image]) -> None:
    small, wide = references[0][:16, :16], np.tile(references[1], (2, 12, 1))[:40]
    given = [small, wide, references[0].mean(-1, keepdims=True)]
    result = transfer(source, given, TransferParams(working_size=96, patchmatch_iterations=2))
    assert result.image.shape == source.shape and np.isfinite(result.image).all()
    assert len(result.matches) == len(result.shares) == 3


def test_transparent_parts_of_a_reference_win_nothing(source: Image, references: list[Image]) -> None:
    # The half that shows leaves is transparent: what is left cannot explain the source's leaves better than leaves do.
    both = np.concatenate([references[1][:, :80], np.tile(references[0], (1, 2, 1))[:90, :80]], 1)
    masked = np.concatenate([both, np.ones((90, 160, 1), np.float32)], -1)
    masked[:, 80:, 3] = 0
    result = transfer(source, [masked, references[0]], SMALL)
    assert (result.labels[:, :72] == 0).mean() > 0.9
    assert (result.labels[:, 88:] == 1).mean() > 0.9


def test_maps_of_every_level_are_shown(source: Image, references: list[Image]) -> None:
    seen = []
    result = transfer(source, references, TransferParams(working_size=96, patchmatch_iterations=2), observer=seen.append)
    assert [maps.level for maps in seen] == [5, 4, 3, 2, 1]
    for maps in seen:
        grid = maps.labels.shape
        assert set(np.unique(maps.labels).tolist()) == set(maps.references) == set(maps.fields) == set(maps.grids)
        assert maps.guidance.shape == (*grid, 3) and maps.confidence.shape == grid
        assert maps.coefficients.shape == (*maps.source.shape, 6)
        for number, field in maps.fields.items():
            assert field.shape == (*grid, 2) and (field.max((0, 1)) < maps.grids[number]).all()
    np.testing.assert_array_equal(seen[-1].labels, result.working_labels)


def test_progress_names_the_reference_and_never_falls(source: Image, references: list[Image]) -> None:
    fractions, stages = [], []
    params = TransferParams(working_size=64, patchmatch_iterations=1)
    transfer(source, references, params, progress=lambda fraction, stage: (fractions.append(fraction), stages.append(stage)))
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert "Reading the reference 2" in stages and "Matching 3, level 1 of 5" in stages


def test_more_references_than_there_is_memory_for(source: Image, references: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    for limit, count, room in (
        (40 << 20, 9, r"at most [1-8] references of this size in the 0\.0 GiB"),
        (0, 2, "about 0.0 GiB of free memory"),
        (0, 1, "about 0.0 GiB of free memory"),
    ):
        monkeypatch.setattr(memory, "available", lambda at, limit=limit: limit)
        with pytest.raises(InputError if limit else DeviceError, match=room):
            transfer(source, [references[0]] * count, SMALL, progress=lambda *stage: started.append(stage))
    with pytest.raises(InputError, match="expected at most 255 references, got 256"):
        transfer(source, [references[0]] * 256, SMALL)
    assert not started
