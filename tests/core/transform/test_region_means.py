"""Regions whose mean colors are moved toward those of their counterparts."""

import torch

from nct_core.transform.region_means import Regions, move_region_means


def test_means_go_the_whole_way_and_the_rest_stays() -> None:
    colors = torch.rand(20, 30, 3, generator=torch.Generator().manual_seed(0))
    shares = torch.zeros(20, 30, 2)
    shares[:, :10, 0], shares[:, 20:, 1] = 1.0, 1.0
    wanted = torch.tensor([[0.2, 0.5, 0.6], [0.8, 0.4, 0.5]])
    moved = move_region_means(colors, Regions(shares, wanted), 1.0)
    torch.testing.assert_close(moved[:, :10].mean((0, 1)), wanted[0])
    torch.testing.assert_close(moved[:, 20:].mean((0, 1)), wanted[1])
    torch.testing.assert_close(moved[:, 10:20], colors[:, 10:20])
    torch.testing.assert_close(moved[:, :10].diff(dim=0), colors[:, :10].diff(dim=0))


def test_a_soft_border_moves_by_its_share() -> None:
    shares = torch.linspace(1, 0, 30).expand(20, 30)[..., None]
    moved = move_region_means(torch.zeros(20, 30, 3), Regions(shares, torch.ones(1, 3)), 0.5)
    torch.testing.assert_close(moved[..., 0], 0.5 * shares[..., 0])


def test_an_empty_region_changes_nothing() -> None:
    colors = torch.rand(5, 6, 3)
    torch.testing.assert_close(move_region_means(colors, Regions(torch.zeros(5, 6, 1), torch.ones(1, 3)), 1.0), colors)
