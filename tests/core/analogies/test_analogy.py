"""Whole analogies: planted truth, what must not happen, and what is promised to callers."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from pictures import blobs
from PIL import Image
from scipy.ndimage import map_coordinates
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import AnalogyParams, AnalogyResult, Cancelled, InputError, analogy

SMALL = AnalogyParams(working_size=128, patchmatch_iterations=3, deconvolution_steps=2)
TINY = AnalogyParams(working_size=64, patchmatch_iterations=2, deconvolution_steps=1)


def photograph(name: str, side: int) -> NDArray[np.float32]:
    picture = Image.fromarray(getattr(skimage.data, name)())
    picture.thumbnail((side, side), Image.Resampling.BOX)
    return np.asarray(picture, np.float32) / 255


def displacement(shape: tuple[int, int]) -> NDArray[np.float64]:
    """A smooth warp: for each position how far its content has moved, [h, w, (rows, columns)] in pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / max(shape)
    return 0.05 * max(shape) * np.stack([np.sin(5 * columns), np.cos(4 * rows)], -1)


def warped(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A warped picture, and for each position of the original where its content went."""
    shape = (image.shape[0], image.shape[1])
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    moved = displacement(shape)
    at = [rows - moved[..., 0], columns - moved[..., 1]]
    style = np.stack([map_coordinates(image[..., channel], at, order=1, mode="nearest") for channel in range(3)], -1)
    # style(q) = image(q - moved(q)); the inverse by fixed-point iteration: q = p + moved(q)
    goes = np.stack([rows, columns], -1).astype(float)
    for _ in range(20):
        step = np.stack([map_coordinates(moved[..., axis], [goes[..., 0], goes[..., 1]], order=1, mode="nearest") for axis in (0, 1)], -1)
        goes = np.stack([rows, columns], -1) + step
    return style.astype(np.float32), goes


@pytest.fixture(scope="module")
def pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return photograph("chelsea", 128), photograph("coffee", 128)


@pytest.fixture(scope="module")
def result(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> AnalogyResult:
    return analogy(*pair, SMALL)


@pytest.mark.slow
def test_a_known_warp_is_found() -> None:
    source = photograph("astronaut", 192)
    style, goes = warped(source)
    found = analogy(source, style, AnalogyParams(working_size=192, patchmatch_iterations=4, deconvolution_steps=2)).correspondences
    inside = ((goes >= 0) & (goes <= np.array(source.shape[:2]) - 1)).all(-1)
    error = np.linalg.norm(found - goes, axis=-1) * 100 / max(source.shape)
    assert (error[inside] <= 2).mean() >= 0.8  # 0.85 measured; the coarsest grid has only 12 x 12 cells here


@pytest.mark.slow
@pytest.mark.parametrize("content", [0.0, 0.5, 1.0])
def test_a_picture_in_its_own_style_stays_as_it_is(pair: tuple[NDArray[np.float32], NDArray[np.float32]], content: float) -> None:
    source = pair[0]
    found = analogy(source, source.copy(), AnalogyParams(content=content, working_size=128, patchmatch_iterations=3, deconvolution_steps=2))
    for image in (found.image, found.back):
        assert deltaE_ciede2000(rgb2lab(image.clip(0, 1)), rgb2lab(source)).mean() < 1


@pytest.mark.slow
def test_no_small_part_of_the_style_is_smeared_over_the_picture(result: AnalogyResult) -> None:
    cells = np.ravel_multi_index((result.forward[..., 0], result.forward[..., 1]), result.backward.shape[:2]).ravel()
    uses = np.bincount(cells, minlength=result.backward[..., 0].size)
    most = np.sort(uses)[::-1][: len(uses) // 20]
    assert most.sum() <= 0.4 * uses.sum()  # 0.30 and 0.33 measured on two pairs at 160 px


@pytest.mark.slow
def test_what_comes_back(pair: tuple[NDArray[np.float32], NDArray[np.float32]], result: AnalogyResult) -> None:
    source, style = pair
    assert result.image.shape == source.shape and result.back.shape == style.shape
    assert result.image.dtype == result.back.dtype == np.float32
    assert np.isfinite(result.image).all() and np.isfinite(result.back).all()
    for at, shape, target in ((result.correspondences, source.shape, style.shape), (result.back_correspondences, style.shape, source.shape)):
        assert at.shape == (*shape[:2], 2)
        assert at.min() >= 0 and (at.max((0, 1)) <= np.array(target[:2]) - 1).all()
    assert result.device == "CPU" and result.backbone in ("VGG-16", "VGG-19")


@pytest.mark.slow
def test_the_same_input_gives_the_same_bits(pair: tuple[NDArray[np.float32], NDArray[np.float32]], result: AnalogyResult) -> None:
    again = analogy(*pair, SMALL)
    for first, second in ((again.image, result.image), (again.back, result.back), (again.forward, result.forward), (again.backward, result.backward)):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_channels_and_sizes(channels: int) -> None:
    source = blobs(1, (70, 90), channels, "float32")
    style = blobs(2, (50, 40), 3, "float32")
    found = analogy(source, style, TINY)
    assert found.image.shape == source.shape and found.back.shape == style.shape
    if channels in (2, 4):
        np.testing.assert_array_equal(found.image[..., -1], source[..., -1])
        unseen = source[..., -1] == 0
        np.testing.assert_array_equal(found.image[unseen], source[unseen])


@pytest.mark.slow
def test_a_larger_picture_is_drawn_with_the_detail_of_the_style() -> None:
    """Every color of the texture is an average of colors that the style has."""
    source = blobs(3, (200, 260), 3, "float32")
    style = (0.25 + 0.5 * np.random.default_rng(5).random((180, 150, 3))).astype(np.float32)
    image = analogy(source, style, AnalogyParams(content=0.0, working_size=64, patchmatch_iterations=2, deconvolution_steps=1)).image
    assert image.shape == source.shape
    assert image.min() >= 0.25 - 1e-3 and image.max() <= 0.75 + 1e-3


@pytest.mark.slow
def test_progress_never_falls_and_ends_at_one(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    told: list[float] = []
    analogy(*pair, TINY, progress=lambda fraction, _stage: told.append(fraction))
    assert told == sorted(told) and told[0] >= 0.0 and told[-1] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_it_can_be_canceled_at_any_time(pair: tuple[NDArray[np.float32], NDArray[np.float32]], share: float) -> None:
    told = [0.0]
    with pytest.raises(Cancelled):
        analogy(*pair, TINY, progress=lambda fraction, _stage: told.append(fraction), cancel=lambda: told[-1] >= share)
    assert told[-1] < 1.0


def test_images_that_are_not_usable_are_named(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    with pytest.raises(InputError, match="style: expected a float32 array"):
        analogy(pair[0], pair[1].astype(np.float64), TINY)
    with pytest.raises(InputError, match=r"left\.png: expected finite values"):
        analogy(np.full_like(pair[0], np.nan), pair[1], TINY, names=("left.png", "right.png"))
    with pytest.raises(InputError, match="expected 2 names"):
        analogy(*pair, TINY, names=("left.png",))
