"""Detail of the same kind, and how far the parameter ``content`` follows it."""

from __future__ import annotations

import torch

from nct_core.analogies.detail import same_kind, structure_share


def features(seed: int, channels: slice) -> torch.Tensor:
    """Responses of some of 16 channels."""
    out = torch.zeros(1, 16, 12, 10)
    out[:, channels] = torch.rand(1, len(range(16)[channels]), 12, 10, generator=torch.Generator().manual_seed(seed))
    return out


def test_responses_of_the_same_channels_are_of_one_kind_wherever_they_lie() -> None:
    assert same_kind(features(1, slice(8)), features(2, slice(8))) > 0.99
    assert same_kind(features(1, slice(8)), features(1, slice(8)).flip(2)) > 0.99


def test_responses_of_other_channels_are_not() -> None:
    assert same_kind(features(1, slice(8)), features(1, slice(8, 16))) == 0.0


def test_the_ends_of_content_follow_no_evidence() -> None:
    for kind in (0.0, 0.4, 1.0):
        assert structure_share(0.0, kind) == 0.0
        assert structure_share(0.5, kind) == kind
        assert structure_share(1.0, kind) == 1.0
        shares = [structure_share(content / 10, kind) for content in range(11)]
        assert shares == sorted(shares)
