"""Guides as parts of the compared features: what is not allowed is dearer than any difference of features, all else stays in proportion."""

import pytest
import torch

from nct_core.features.fixed_point import PATCH_COUNTS, UNIT, fixed_point
from nct_core.guides.classes import Classes


def made(source: torch.Tensor, reference: torch.Tensor) -> Classes:
    return Classes(source, reference, 1.0 - source[..., 0])


def features(seed: int, shape: tuple[int, int] = (6, 8)) -> torch.Tensor:
    return fixed_point(torch.rand(*shape, 64, generator=torch.Generator().manual_seed(seed)))


def one_hot(shape: tuple[int, int], *, classes: int) -> torch.Tensor:
    """The left half is class 0, the right half class 1."""
    planes = torch.zeros(*shape, classes)
    planes[:, : shape[1] // 2, 0] = 1.0
    planes[:, shape[1] // 2 :, 1] = 1.0
    return planes


def products(classes: Classes, source: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Similarities of all pairs of positions, in units of the largest."""
    own, theirs = (side.flatten(0, 1).double() / UNIT for side in (classes.with_source(source), classes.with_reference(reference)))
    return own @ theirs.T


@pytest.mark.parametrize("pins", [0, 1, 3])
def test_what_is_not_allowed_is_dearer_than_any_difference(pins: int) -> None:
    open_to = torch.cat([one_hot((6, 8), classes=2), torch.ones(6, 8, pins)], -1)
    classes = made(torch.cat([one_hot((6, 8), classes=2), torch.zeros(6, 8, pins)], -1), open_to)
    extreme = torch.zeros(6, 8, 64, dtype=torch.int16)
    extreme[::2, :, 0], extreme[1::2, :, 1] = UNIT, UNIT  # alike or not at all
    found = products(classes, extreme, extreme)
    left = (torch.arange(48) % 8 < 4).double()
    allowed = left[:, None] * left + (1 - left[:, None]) * (1 - left) > 0.5
    assert found[allowed].min() > found[~allowed].max() + 0.01


def test_features_keep_their_share() -> None:
    source, reference = features(1), features(2)
    classes = made(one_hot((6, 8), classes=2), torch.ones(6, 8, 2))
    plain = source.flatten(0, 1).double() @ reference.flatten(0, 1).double().T / UNIT**2
    steered = products(classes, source, reference)
    change = steered - classes.feature_share * plain * 0.99
    assert change.std() < 0.002  # the same for every pair, but for rounding


def test_vectors_keep_their_length_so_that_sums_fit() -> None:
    classes = made(torch.rand(12, 16, 4).softmax(-1), torch.rand(12, 16, 4))
    for side in (classes.with_source(features(1)), classes.with_reference(features(2))):
        assert side.dtype == torch.int16 and side.shape == (6, 8, 64 + 4 + 2)
        squares = side.long().square().sum(-1)
        assert (squares.double().sqrt() / UNIT - 1).abs().max() < 0.02 and int(squares.max()) * PATCH_COUNTS < 2**31


def test_a_region_smaller_than_a_cell_is_not_lost() -> None:
    planes = torch.zeros(64, 64, 2)
    planes[..., 0] = 1.0
    planes[20:23, 20:23] = torch.tensor([0.0, 1.0])
    side = made(planes, planes).with_source(features(1, (4, 4)))
    assert side[1, 1, 64 + 1] > 0.3 * UNIT * 0.5 and side[3, 3, 64 + 1] == 0


def test_mirrored() -> None:
    open_to = one_hot((6, 8), classes=2)
    torch.testing.assert_close(made(open_to, open_to).mirrored().reference, open_to.flip(1))


def test_pins_that_matches_agree_with_are_left_out_but_guide_still() -> None:
    planes = torch.zeros(8, 8, 5)
    planes[:4, :, 1], planes[4:, :, 2] = 1.0, 1.0  # two objects; their places are empty here
    pins = (((0.2, 0.5), (0.2, 0.5)), ((0.8, 0.5), (0.2, 0.5)))
    classes = Classes(planes, torch.ones(8, 8, 5), torch.ones(8, 8), pins)
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    left = classes.without_agreed(torch.stack([rows, columns], -1).int(), (8, 8))
    assert left.pins == pins[1:] and left.source.shape == (8, 8, 3)
    assert (left.source[4:, :, 1] == 1).all() and (left.source[:4, :, 0] == 1).all() and (left.guided == 1).all()


def test_a_pin_refuses_matches_of_other_places_with_its_object() -> None:
    source, reference = torch.zeros(8, 8, 3), torch.ones(8, 8, 3)
    source[..., 0], source[:, :4, 0], source[:, :4, 1] = 1.0, 0.0, 1.0
    reference[:, 4:, 1] = 0.0  # the object goes with the left half only
    classes = Classes(source, reference, source[..., 1], (((0.5, 0.2), (0.5, 0.2)),))
    to_the_left = torch.zeros(8, 8, 2, dtype=torch.int32)
    refused = classes.refused(to_the_left, (8, 8))
    assert not refused[:, :4].any() and refused[:, 4:].all()
    assert not classes.refused(to_the_left + 5, (8, 8)).any()
