"""What guides may say: each mistake gives one clear line, and contradictions name both guides."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

from nct_core import Guide, InputError, LabelMaps, Pin, Protect, RegionPair
from nct_core.guides.check import MOST_CLASSES, checked

SOURCE = np.full((60, 80, 3), 0.5, np.float32)
CLEAR = np.concatenate([SOURCE, np.ones((60, 80, 1), np.float32)], 2)
CLEAR[:, :20, 3] = 0
REFERENCES = [np.full((40, 50, 3), 0.4, np.float32), np.full((30, 30, 3), 0.3, np.float32)]


def region(shape: tuple[int, int], top: int, left: int, side: int = 10) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


OWN, THEIRS = region((60, 80), 5, 5), region((40, 50), 5, 5)
COLORS = np.zeros((60, 80, 3), np.uint8)
COLORS[:, 40:] = 255
THEIR_COLORS = np.zeros((40, 50, 3), np.uint8)
THEIR_COLORS[:, 25:] = 255


def check(*guides: Guide, source: np.ndarray = SOURCE) -> list[Guide]:
    return checked(guides, source, REFERENCES, 700)


def test_guides_are_brought_to_one_form() -> None:
    pin, pair, maps, kept = check(Pin((0, 79), (39, 49)), RegionPair(OWN, THEIRS), LabelMaps(COLORS, THEIR_COLORS), Protect(region((60, 80), 40, 60) > 0))
    assert isinstance(pin, Pin) and pin.source == pytest.approx((0.5 / 60, 79.5 / 80)) and pin.reference == pytest.approx((39.5 / 40, 49.5 / 50))
    assert isinstance(pair, RegionPair) and pair.source.dtype == np.float32 and pair.source.max() == 1 and pair.source.sum() == pytest.approx(100, rel=0.2)
    assert isinstance(maps, LabelMaps) and np.intersect1d(maps.source, maps.reference).size == 2
    assert isinstance(kept, Protect) and kept.mask.shape == (60, 80) and kept.mask.sum() == 100


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (Pin((60, 0), (0, 0)), "guide 1 (pin 0,60=0,0), in the source: expected a point inside the picture of 80x60, got column 0, row 60"),
        (Pin((0, 0), (0, float("nan"))), "in the reference: expected a point inside the picture of 50x40, got column nan"),
        (Pin((0, 0), (5,)), "in the reference: expected a point (row, column), got (5,)"),  # type: ignore[arg-type]
        (Pin((0, 0), (0, 0), number=2), "guide 1 (pin 0,0=0,0 of reference 3): expected the number of one of 2 references, counted from 0, got 2"),
        (RegionPair(OWN, np.zeros((40, 50))), "mask of the reference: expected a region that contains something visible, got an empty one"),
        (RegionPair(region((60, 80), 5, 5, 2), THEIRS), "mask of the source: expected at least 9 pixels of the picture at its working size, got 4"),
        (RegionPair(OWN[..., None].repeat(3, 2), THEIRS, name="sky"), "(pair of regions 'sky'), mask of the source: expected a mask [H, W]"),
        (RegionPair(OWN * 2.0, THEIRS), "mask of the source: expected values between 0 and 1"),
        (LabelMaps(COLORS, np.full((40, 50, 3), 128, np.uint8)), "(label maps of reference 1): expected a label that both maps have, got none"),
        (LabelMaps(COLORS.astype(np.float32), THEIR_COLORS), "map of the source: expected colors, uint8 [H, W, 3], or integers [H, W], got float32"),
        (Protect(np.zeros((60, 80), bool), name="face"), "(protected region 'face'), its mask: expected a region that contains something visible"),
        ("sky", "guide 1: expected a Pin, RegionPair, LabelMaps or Protect, got str"),
    ],
)
def test_a_guide_that_does_not_fit_is_named(guide: Guide, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        check(guide)


def test_what_is_transparent_can_be_neither_a_point_nor_a_region() -> None:
    with pytest.raises(InputError, match="in the source: expected a point that is not transparent, got column 3, row 4"):
        check(Pin((4, 3), (0, 0)), source=CLEAR)
    with pytest.raises(InputError, match="expected a region that contains something visible"):
        check(RegionPair(OWN, THEIRS), source=CLEAR)


def test_a_thousand_pins_are_too_many() -> None:
    pins = [Pin((row, column), (row % 40, column % 50)) for row in range(60) for column in range(0, 80, 4)]
    with pytest.raises(InputError, match=f"expected at most {MOST_CLASSES} pins, pairs and labels for a reference"):
        check(*pins)


def test_masks_of_another_size_are_scaled_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (pair,) = check(RegionPair(region((30, 40), 0, 0), THEIRS))
    assert isinstance(pair, RegionPair) and pair.source.shape == (64, 80) and pair.source[:18, :18].min() > 0.9
    assert "it has 40x30 pixels and its picture 80x60; it is scaled" in caplog.text


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (Pin((10, 10), (5, 5)), Pin((10, 10), (30, 40)), "one point of the source cannot go with two places"),
        (Pin((10, 10), (5, 5)), Pin((10, 10), (5, 5), number=1), "one point of the source cannot go with two references"),
        (RegionPair(OWN, THEIRS, name="a"), RegionPair(OWN, region((40, 50), 25, 30), name="b"), "one region of the source cannot go with two regions"),
        (RegionPair(OWN, THEIRS), RegionPair(OWN, region((30, 30), 5, 5), number=1), "one region of the source cannot go with two references"),
        (RegionPair(OWN, THEIRS), Pin((8, 8), (30, 40)), "only one end of the pin lies in the regions"),
        (Pin((8, 8), (5, 5), number=1), RegionPair(OWN, THEIRS), "one place of the source cannot go with two references"),
        (LabelMaps(COLORS, THEIR_COLORS), Pin((8, 8), (5, 45)), "the ends of the pin lie on different labels"),
        (LabelMaps(COLORS, THEIR_COLORS), LabelMaps(COLORS, THEIR_COLORS), "a reference has one pair of label maps"),
        (Protect(OWN), Pin((8, 8), (5, 5)), "the point is to take other colors and to keep its own"),
        (RegionPair(OWN, THEIRS), Protect(OWN), "the region is to take other colors and to keep its own"),
    ],
)
def test_contradictions_name_both(first: Guide, second: Guide, why: str) -> None:
    for one, other in ((first, second), (second, first)):
        with pytest.raises(InputError) as caught:
            check(Pin((50, 70), (35, 45)), one, other)
        assert f"guide 2 ({one}) and guide 3 ({other}) contradict each other: {why}" in str(caught.value)


def test_what_agrees_is_no_contradiction() -> None:
    inside = [Pin((8, 8), (8, 8)), RegionPair(OWN, THEIRS), LabelMaps(COLORS, THEIR_COLORS)]
    apart = [Pin((50, 70), (35, 45)), Protect(region((60, 80), 30, 60)), RegionPair(region((60, 80), 30, 5), THEIRS)]
    assert len(check(*inside, *apart)) == 6
