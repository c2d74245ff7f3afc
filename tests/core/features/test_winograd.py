"""Winograd's convolution, and the direct one of the first layer, against the definition, computed by torch in double precision."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nct_core.features import network, vgg, winograd
from nct_core.features.first_layer_cpu import FirstConvolution
from nct_core.runtime import threads


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def defined(image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pools: bool) -> torch.Tensor:
    out = F.conv2d(image.double(), weight.double(), bias.double(), padding=1).relu()
    return F.max_pool2d(out, 2) if pools else out


def check(height: int, width: int, inputs: int, outputs: int, pools: bool, seed: int = 0) -> None:
    image, weight, bias = random(1, inputs, height, width, seed=seed), random(outputs, inputs, 3, 3, seed=seed + 1), random(outputs, seed=seed + 2)
    out = winograd.Convolution(weight, bias, pools=pools)(image)
    expected = defined(image, weight, bias, pools)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=1e-4 * 3 * inputs**0.5)  # outputs have a deviation of 3 sqrt(inputs)


@given(st.integers(1, 19), st.integers(1, 19), st.sampled_from([16, 48]), st.sampled_from([16, 32]), st.booleans(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_any_size(height: int, width: int, inputs: int, outputs: int, pools: bool, seed: int) -> None:
    if not pools or min(height, width) > 1:
        check(height, width, inputs, outputs, pools, seed)


@pytest.mark.parametrize("pools", [False, True])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 300), (300, 3), (61, 83), (64, 64)])
def test_odd_shapes_and_many_chunks(height: int, width: int, pools: bool) -> None:
    check(height, width, 64, 128, pools)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 257), (257, 1)])
def test_a_single_row_or_column(height: int, width: int) -> None:
    check(height, width, 32, 16, pools=False)


def test_the_deepest_layers_keep_their_precision() -> None:
    check(13, 21, 512, 512, pools=False)


def test_whole_numbers_of_a_single_pixel() -> None:
    """One pixel of one channel draws the filter, turned around."""
    image = torch.zeros(1, 16, 7, 7)
    image[0, 3, 4, 2] = 12.0
    weight = torch.zeros(16, 16, 3, 3)
    weight[5, 3] = torch.arange(1.0, 10.0).reshape(3, 3)
    out = winograd.Convolution(weight, torch.zeros(16), pools=False)(image)
    expected = torch.zeros(1, 16, 7, 7)
    expected[0, 5, 3:6, 1:4] = 12 * torch.arange(1.0, 10.0).reshape(3, 3).flip(0, 1)
    torch.testing.assert_close(out, expected, rtol=0, atol=2e-4)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([16, 64]), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_first_layer_at_any_size(height: int, width: int, outputs: int, seed: int) -> None:
    image, weight, bias = random(1, 3, height, width, seed=seed), random(outputs, 3, 3, 3, seed=seed + 1), random(outputs, seed=seed + 2)
    out = FirstConvolution(weight, bias)(image)
    torch.testing.assert_close(out.double(), defined(image, weight, bias, pools=False), rtol=0, atol=3e-5)


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image, first = random(1, 3, 70, 90, seed=0), FirstConvolution(random(64, 3, 3, 3, seed=1), random(64, seed=2))
    second = winograd.Convolution(random(64, 64, 3, 3, seed=3), random(64, seed=4), pools=True)
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        results.append(second(first(image)))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@pytest.mark.parametrize("backbone", list(vgg.BACKBONES))
def test_the_blocks_are_those_of_the_direct_network(backbone: str) -> None:
    weights = {}
    for convolution in vgg.convolutions(backbone):
        scale = (2 / (9 * convolution.inputs)) ** 0.5
        weights[f"{convolution.name}.weight"] = scale * random(convolution.outputs, convolution.inputs, 3, 3, seed=3)
        weights[f"{convolution.name}.bias"] = 0.1 * random(convolution.outputs, seed=4)
    ours = theirs = random(1, 3, 37, 50, seed=5)
    with torch.inference_mode():
        for fast, direct in zip(winograd.blocks(weights, backbone), network.blocks(weights, backbone), strict=True):
            ours, theirs = fast(ours), direct(theirs)
            torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-4 * float(theirs.max()))
