"""Likeness of matched places: planted matches, other features, and unrelated pictures."""

import torch

from nct_core.matching.likeness import likeness


def features(seed: int, rows: int = 10, columns: int = 12) -> torch.Tensor:
    """Features of a made picture of four things: int16 [rows, columns, 64]."""
    generator = torch.Generator().manual_seed(seed)
    things = torch.randn(4, 64, generator=generator)
    labels = (torch.arange(rows)[:, None] * 2 // rows) * 2 + torch.arange(columns)[None] * 2 // columns
    return (1000 * (things[labels] + 0.3 * torch.randn(rows, columns, 64, generator=generator))).short()


def identity(rows: int = 10, columns: int = 12) -> torch.Tensor:
    return torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"), -1).int()


def test_a_picture_is_like_itself_and_unlike_another() -> None:
    same, other = likeness(features(0), features(0), identity()), likeness(features(0), features(1), identity())
    assert same.similarity.min() > 0.999 and same.structure.min() > 0.999
    assert other.similarity.mean() < 0.4


def test_structure_survives_what_changes_all_features() -> None:
    """Another light adds one direction to all features: they become unlike, but what goes with what stays."""
    source = features(0)
    lit = (source.float() * 0.5 + 1500 * torch.randn(64, generator=torch.Generator().manual_seed(5))).short()
    found = likeness(source, lit, identity())
    assert found.similarity.mean() < 0.7
    assert found.structure.mean() > 0.9


def test_wrong_matches_have_less_of_both() -> None:
    shuffled = identity().flatten(0, 1)[torch.randperm(120, generator=torch.Generator().manual_seed(1))].reshape(10, 12, 2)
    right, wrong = likeness(features(0), features(0), identity()), likeness(features(0), features(0), shuffled)
    assert wrong.similarity.mean() < right.similarity.mean() - 0.3
    assert wrong.structure.mean() < right.structure.mean() - 0.1


def test_large_grids_are_compared_on_a_smaller_one() -> None:
    found = likeness(features(0, 60, 70), features(0, 60, 70), identity(60, 70))
    assert found.similarity.shape == found.structure.shape == (60, 70)
    assert found.structure.min() > 0.99
