"""Transfers with guides, on planted pictures: what is said is done, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import Guide, LabelMaps, Pin, Protect, RegionPair, TransferParams, TransferResult, transfer

SHAPE, SIDE = (128, 176), 48
LEFT, RIGHT = (40, 24), (40, 104)  # corners of the two squares
PARAMS = TransferParams(working_size=176, patchmatch_iterations=4)
RED, GREEN = (0.8, 0.3, 0.3), (0.3, 0.7, 0.3)
Image = NDArray[np.float32]


def scene(seed: int, ground: tuple[float, ...], left: tuple[float, ...], right: tuple[float, ...]) -> Image:
    """Two squares on a ground: the left one with stripes across, the right one with stripes down."""
    noise = np.random.default_rng(seed)
    texture = np.kron(noise.standard_normal((SHAPE[0] // 8, SHAPE[1] // 8)), np.ones((8, 8)))
    image = np.clip(np.float32(ground) + 0.02 * texture[..., None] + 0.015 * noise.standard_normal((*SHAPE, 1)), 0, 1)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for (top, start), color, along in ((LEFT, left, rows), (RIGHT, right, columns)):
        image[top : top + SIDE, start : start + SIDE] = np.float32(color) + 0.12 * ((np.sin(0.8 * along) > 0)[..., None] - 0.5)
    return image.astype(np.float32)


def square(corner: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE] = True
    return mask


SOURCE = scene(1, (0.5, 0.5, 0.5), (0.85, 0.8, 0.5), (0.2, 0.2, 0.4))
REFERENCE = scene(2, (0.45, 0.5, 0.55), RED, GREEN)
OTHER = scene(3, (0.3, 0.35, 0.3), (0.3, 0.3, 0.8), (0.8, 0.7, 0.2))
CROSSED = Pin((64, 48), (64, 128))


def run(*guides: Guide, references: tuple[Image, ...] = (REFERENCE,)) -> TransferResult:
    return transfer(SOURCE, references, PARAMS, guides=guides, device="cpu")


def change(first: Image, second: Image) -> NDArray[np.float64]:
    found: NDArray[np.float64] = deltaE_ciede2000(rgb2lab(first.clip(0, 1)), rgb2lab(second.clip(0, 1)))
    return found


def greener(image: Image, mask: NDArray[np.bool_]) -> float:
    return float((image[..., 1] - image[..., 0])[mask].mean())


@pytest.fixture(scope="module")
def plain() -> TransferResult:
    return run()


@pytest.fixture(scope="module")
def pinned() -> TransferResult:
    return run(CROSSED)


@pytest.mark.slow
def test_without_guides_like_goes_with_like(plain: TransferResult) -> None:
    assert greener(plain.image, square(LEFT)) < -0.3 and greener(plain.image, square(RIGHT)) > 0.3


@pytest.mark.slow
def test_a_pin_recolors_its_object_and_leaves_the_rest(plain: TransferResult, pinned: TransferResult) -> None:
    assert greener(pinned.image, square(LEFT)) > 0.25
    around = binary_dilation(square(LEFT), iterations=16)  # a cell of the coarsest grid
    elsewhere = change(pinned.image, plain.image)[~around]
    assert np.quantile(elsewhere, 0.95) < 2.0 and elsewhere.mean() < 0.5  # the ground is noise, whose places are matched with any of their like
    assert change(pinned.image, plain.image)[square(RIGHT)].max() < 2.0
    assert pinned.confidence[square(LEFT)].mean() > 0.8


@pytest.mark.slow
def test_the_same_guides_give_the_same_bits_in_any_order(pinned: TransferResult) -> None:
    np.testing.assert_array_equal(run(CROSSED).image, pinned.image)
    both = Pin((64, 128), (64, 48)), CROSSED
    np.testing.assert_array_equal(run(*both).image, run(*both[::-1]).image)


@pytest.mark.slow
def test_a_pin_that_matches_agree_with_changes_little(plain: TransferResult) -> None:
    agreed = run(Pin((64, 128), (64, 128)))
    assert np.quantile(change(agreed.image, plain.image), 0.99) < 2.0


@pytest.mark.slow
def test_regions_go_with_their_counterparts_only() -> None:
    for guides in (
        (RegionPair(square(LEFT), square(RIGHT)), RegionPair(square(RIGHT), square(LEFT))),
        (LabelMaps(square(LEFT) + 2 * square(RIGHT), 2 * square(LEFT) + square(RIGHT)),),
    ):
        result = run(*guides)
        assert greener(result.image, square(LEFT)) > 0.3 and greener(result.image, square(RIGHT)) < -0.3


@pytest.mark.slow
def test_what_is_protected_stays_bit_for_bit(plain: TransferResult) -> None:
    kept = run(Protect(square(LEFT)))
    np.testing.assert_array_equal(kept.image[square(LEFT)], SOURCE[square(LEFT)])
    np.testing.assert_array_equal(kept.transform.apply(SOURCE, 0.5)[square(LEFT)], SOURCE[square(LEFT)])
    far = ~binary_dilation(square(LEFT), iterations=16)
    assert np.abs(kept.image - plain.image)[far].max() < 1e-5


@pytest.mark.slow
def test_a_pin_chooses_the_reference() -> None:
    references = (REFERENCE, OTHER)
    chosen = {number: run(Pin((64, 48), (64, 48), number=number), references=references) for number in (0, 1)}
    for number, result in chosen.items():
        assert (result.labels[square(LEFT)] == number).mean() > 0.9


@pytest.mark.slow
def test_guides_of_a_reference_that_is_not_used_change_nothing() -> None:
    nothing_alike = np.full((96, 96, 3), 0.5, np.float32)
    nothing_alike[:, 48:] = 0.6
    references = (REFERENCE, nothing_alike)
    plain = run(references=references)
    halves = np.zeros((96, 96), int)
    halves[:, 48:] = 1
    guided = run(LabelMaps(square(LEFT).astype(int), halves, number=1), references=references)
    assert plain.shares[1] == guided.shares[1] == 0.0
    np.testing.assert_array_equal(guided.image, plain.image)
