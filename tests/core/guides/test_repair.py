"""Matches that guides do not allow are moved before a level is searched."""

import torch

from nct_core.guides.classes import Classes
from nct_core.guides.repair import repaired
from nct_core.matching.field import identity_field

SHAPE = (8, 12)


def halves(border: int) -> torch.Tensor:
    planes = torch.zeros(*SHAPE, 2)
    planes[:, :border, 0], planes[:, border:, 1] = 1.0, 1.0
    return planes


def test_places_take_the_moved_matches_of_their_neighbors() -> None:
    field = identity_field(SHAPE, SHAPE, torch.device("cpu"))
    planes = Classes(halves(6), halves(4), torch.zeros(SHAPE))
    forward, backward = repaired(field, field, planes)
    columns, back = forward[0, :, 1].tolist(), backward[0, :, 1].tolist()
    assert columns == [0, 1, 2, 3, 3, 3, 6, 7, 8, 9, 10, 11]  # where the moved match is not allowed either, the neighbor's own
    assert back == [0, 1, 2, 3, 6, 6, 6, 7, 8, 9, 10, 11]
    assert (forward[..., 0] == field[..., 0]).all()


def test_a_class_that_is_nowhere_right_goes_to_the_nearest_place() -> None:
    away = torch.zeros(*SHAPE, 2, dtype=torch.int32)
    forward, _ = repaired(away, away, Classes(halves(0), halves(9), torch.zeros(SHAPE)))
    assert (forward[..., 1] == 9).all() and (forward[..., 0] == 0).all()


def test_pins_move_no_match_of_the_reference() -> None:
    field = identity_field(SHAPE, SHAPE, torch.device("cpu"))
    pins = (((0.5, 0.8), (0.5, 0.1)),)
    source, reference = (torch.cat([planes, torch.zeros(*SHAPE, 1)], -1) for planes in (halves(6), halves(4)))
    _, backward = repaired(field, field, Classes(source, reference, torch.zeros(SHAPE), pins))
    assert torch.equal(backward, field)
