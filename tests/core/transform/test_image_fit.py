"""Coefficients of a picture: exact at every pixel, and the slopes of a planted transform."""

import torch

from nct_core.transform.coefficients import recolor
from nct_core.transform.image_fit import coefficients_of


def picture(seed: int) -> torch.Tensor:
    return torch.rand(30, 40, 3, generator=torch.Generator().manual_seed(seed))


def test_any_picture_is_reached_exactly() -> None:
    assert (recolor(coefficients_of(picture(1), picture(0)), picture(0)) - picture(1)).abs().max() < 1e-5


def test_the_slopes_of_a_planted_transform_are_found() -> None:
    slopes = torch.tensor([0.5, 1.5, 1.0])
    found = coefficients_of(slopes * picture(0) + 0.1, picture(0))
    assert (found[..., 0::2] - slopes).abs().max() < 0.02


def test_a_flat_source_gives_no_slope() -> None:
    assert coefficients_of(picture(1), torch.full((30, 40, 3), 0.5))[..., 0::2].abs().max() < 1e-6
