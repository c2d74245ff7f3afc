"""A pin spreads over the object under it, not over a disc."""

import torch

from nct_core.features.fixed_point import fixed_point
from nct_core.guides.spread import Scene, spread
from nct_core.pixels.lab import srgb_to_lab
from nct_core.pixels.working import WorkingImage

HEIGHT, WIDTH = 96, 160
RIDGE = torch.arange(WIDTH) // 4 + 20  # where the upper thing ends, in each column


def scene(apart: bool = True) -> Scene:
    """Two things, the border between them slanted; ``apart``: their features differ."""
    upper = torch.arange(HEIGHT)[:, None] < RIDGE
    rgb = torch.where(upper[..., None], torch.tensor([0.5, 0.6, 0.9]), torch.tensor([0.3, 0.4, 0.2]))
    rgb = (rgb + 0.01 * torch.randn(HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    image = WorkingImage(rgb, srgb_to_lab(rgb), torch.ones(HEIGHT, WIDTH, dtype=torch.bool))

    def features(step: int, seed: int) -> torch.Tensor:
        noise = torch.rand(HEIGHT // step, WIDTH // step, 32, generator=torch.Generator().manual_seed(seed))
        kinds = torch.zeros(2, 32)
        kinds[0, :16], kinds[1, 16:] = 1.0, 1.0
        kind = upper[step // 2 :: step, step // 2 :: step].long()[: HEIGHT // step, : WIDTH // step]
        return fixed_point(0.2 * noise + (kinds[kind] if apart else kinds[0]))

    return Scene(image, (features(4, 3), features(8, 1), features(16, 2)))


def test_a_pin_takes_its_object() -> None:
    upper = torch.arange(HEIGHT)[:, None] < RIDGE
    for point, wanted in (((0.1, 0.7), upper), ((0.9, 0.3), ~upper)):
        found = spread(scene(), [point], 1.0)[0] > 0.5
        assert (found & wanted).sum() > 0.85 * wanted.sum() and (found & ~wanted).sum() < 0.15 * (~wanted).sum()


def test_several_pins_share_what_they_reach() -> None:
    members = spread(scene(), [(0.1, 0.5), (0.1, 0.9), (0.9, 0.3)], 1.0)
    assert members.sum(0).max() < 1.05
    first, second, third = members > 0.5
    assert first[10, 80] and second[10, 144] and third[86, 48] and not (first & second).any()


def test_the_reach_grows() -> None:
    near, far = (spread(scene(apart=False), [(0.1, 0.5)], reach)[0].sum() for reach in (0.2, 2.0))
    assert near < far
