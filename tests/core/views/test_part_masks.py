"""Label maps as masks at the picture's size: a whole everywhere, along the picture's edges, soft where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nct_core.pixels.working import prepare
from nct_core.transform.apply import ColorTransform
from nct_core.views.part_masks import part_masks

SIZE, SCALE = 48, 8


def picture(dark: np.ndarray, channels: int = 3) -> np.ndarray:
    """Bright with a dark part."""
    return np.repeat(np.where(dark, 0.2, 0.8)[..., None], channels, axis=2).astype(np.float32)


def slanted(side: int) -> np.ndarray:
    """The half below a slanted line, bool [side, side]."""
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side
    return rows > 0.3 + 0.37 * columns


def transform_of(image: np.ndarray) -> ColorTransform:
    small = prepare(image, SIZE, torch.device("cpu"))
    return ColorTransform(torch.zeros(*small.shape, 6), small.lab[..., 0].contiguous())


def enlarged(labels: np.ndarray, side: int) -> np.ndarray:
    cells = np.arange(side) * len(labels) // side
    return labels[np.ix_(cells, cells)]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_masks_add_up_to_a_whole_and_are_pure_away_from_borders(channels: int) -> None:
    noise = np.random.default_rng(channels)
    image = noise.uniform(0, 1, (200, 260, channels)).astype(np.float32)
    transform = transform_of(image)
    height, width = transform.lightness.shape
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 3 :], labels[: height // 2, 2 * width // 3 :] = 4, 7
    masks = part_masks(labels, transform, image)
    assert list(masks) == [0, 4, 7]
    assert all(mask.dtype == np.uint8 and mask.shape == (200, 260) for mask in masks.values())
    assert (sum(mask.astype(int) for mask in masks.values()) == 255).all()
    reach = 6 * 260 // width  # cells from a border
    assert (masks[0][:, : 260 // 3 - reach] == 255).all() and not masks[0][:, 260 // 3 + reach :].any()
    assert (masks[7][: 100 - reach, 520 // 3 + reach :] == 255).all()


def test_a_border_on_an_edge_of_the_picture_follows_it_at_full_size() -> None:
    side = 64 * SCALE
    image = picture(slanted(side))
    transform = transform_of(image)
    labels = slanted(transform.lightness.shape[0]).astype(np.uint8)
    truth, mask = slanted(side), part_masks(labels, transform, image)[1]
    stairs = (enlarged(labels, side) != truth).mean()
    assert ((mask > 127) != truth).mean() < 0.1 * stairs
    assert np.abs(mask - 255.0 * truth).max() < 64


def test_a_border_where_the_picture_shows_none_is_soft_without_stairs() -> None:
    side = 64 * SCALE
    image = picture(np.zeros((side, side), bool))
    transform = transform_of(image)
    labels = slanted(transform.lightness.shape[0]).astype(np.uint8)
    mask = part_masks(labels, transform, image)[1].astype(int)
    assert np.abs(np.diff(mask, axis=0)).max() <= 12 and np.abs(np.diff(mask, axis=1)).max() <= 12
    hard = enlarged(labels, side) * 255
    assert np.abs(mask - hard).mean() < 12 and ((mask > 127) == (hard > 127)).mean() > 0.98


def test_one_reference_has_all_of_it() -> None:
    image = picture(slanted(100))
    masks = part_masks(np.full((64, 64), 3, np.uint8), transform_of(image), image)
    assert list(masks) == [3] and (masks[3] == 255).all()
