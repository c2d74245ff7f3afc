"""Features that a network turns into those wanted."""

from __future__ import annotations

import torch
from torch import nn

from nct_core.analogies.deconvolution import deconvolve
from nct_core.analogies.levels import own_weight


def network() -> nn.Sequential:
    """A small one of the form that lies between two taps."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(6, 12, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(12, 10, 3, padding=1), nn.ReLU(inplace=True)
    ).requires_grad_(False)


def planted() -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    """The network, features, and what it turns them into."""
    layers = network()
    features = torch.rand(1, 6, 12, 14, generator=torch.Generator().manual_seed(4))
    return layers, features, layers(features)


def residual(layers: nn.Sequential, x: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((layers(x) - wanted).square().sum() / wanted.square().sum())


def test_the_residual_falls_with_every_few_steps() -> None:
    layers, features, wanted = planted()
    start = torch.full_like(features, 0.5)
    found = [residual(layers, deconvolve(layers, wanted, start, steps), wanted) for steps in (0, 4, 16, 64)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.02 * found[0]


def test_what_fits_already_stays() -> None:
    layers, features, wanted = planted()
    torch.testing.assert_close(deconvolve(layers, wanted, features, 3), features)


def test_features_are_never_negative() -> None:
    layers, features, wanted = planted()
    assert float(deconvolve(layers, wanted, 0.1 * features, 8).min()) >= 0.0


def test_no_step_returns_the_start() -> None:
    layers, features, wanted = planted()
    assert deconvolve(layers, wanted, features, 0) is features


def test_the_own_features_count_where_the_network_responds() -> None:
    features = torch.zeros(1, 4, 3, 3)
    features[:, :, 1, 1] = 2.0
    weight = own_weight(features)
    assert weight[0, 0, 1, 1] > 0.99
    assert weight[0, 0, 0, 0] < 1e-5
