"""Matches of the coarsest level: planted, never invalid, and no place used too often."""

from __future__ import annotations

import torch

from nct_core.analogies.coarsest import fields
from nct_core.features.fixed_point import fixed_point


def features(seed: int, shape: tuple[int, int]) -> torch.Tensor:
    return fixed_point(torch.rand(*shape, 64, generator=torch.Generator().manual_seed(seed)) ** 4)


def everywhere(shape: tuple[int, int]) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


def test_a_shift_is_found() -> None:
    target = features(1, (9, 12))
    found = fields(target[:, 3:].contiguous(), target, everywhere((9, 9)), everywhere((9, 12)))
    rows, columns = torch.meshgrid(torch.arange(9), torch.arange(9), indexing="ij")
    inside = slice(1, -1)
    assert torch.equal(found.forward[inside, inside], torch.stack([rows, columns + 3], -1).int()[inside, inside])


def test_no_place_is_used_much_more_often_than_others() -> None:
    """All positions look alike and like one place, which can take only three times the mean."""
    source = fixed_point(features(2, (1, 1)).float().expand(8, 10, 64) + 400 * torch.rand(8, 10, 64, generator=torch.Generator().manual_seed(3)))
    target = features(4, (8, 10))
    target[3, 4] = features(2, (1, 1))[0, 0]
    found = fields(source, target, everywhere((8, 10)), everywhere((8, 10)))
    uses = torch.bincount((found.forward[..., 0] * 10 + found.forward[..., 1]).flatten().long(), minlength=80)
    assert int(uses.max()) <= 6


def test_matches_are_valid_positions() -> None:
    valid = everywhere((7, 6))
    valid[:, :3] = False
    found = fields(features(5, (6, 6)), features(6, (7, 6)), everywhere((6, 6)), valid)
    assert int(found.forward[..., 1].min()) >= 3
