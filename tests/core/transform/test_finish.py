"""The last stage: matches that are alike are followed, others give way to the look, and bad references give a sensible picture."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from nct_core.look.statistics import sample_pixels
from nct_core.matching.likeness import Likeness
from nct_core.pixels.lab import srgb_to_lab
from nct_core.transform.coefficients import recolor
from nct_core.transform.finish import Colors, Evidence, Finished, finish

SHAPE, GRID = (90, 120), (6, 8)


def scene(seed: int) -> torch.Tensor:
    """Soft patches from black to white in muted colors, float32 [*SHAPE, 3], sRGB."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.rand(1, 3, 5, 6, generator=generator)
    image = torch.nn.functional.interpolate(cells, SHAPE, mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    return (0.5 + 0.9 * (0.6 * image + 0.4 * image.mean(-1, keepdim=True) - 0.5)).clamp(0, 1).contiguous()


def evidence(alike: float, agreement: float) -> Evidence:
    return Evidence(Likeness(torch.full(GRID, alike), torch.full(GRID, 0.6)), torch.full(GRID, agreement))


def finished(source: torch.Tensor, local: torch.Tensor, reference: torch.Tensor, found: Evidence, content: float = 0.5) -> tuple[torch.Tensor, Finished]:
    """The result in scaled Lab, and all that :func:`finish` gives, where the matches' colors are those of ``local``."""
    lab = srgb_to_lab(source)
    coefficients = torch.stack([torch.zeros_like(lab), srgb_to_lab(local)], -1).flatten(-2)
    done = finish(source, lab, coefficients, found, Colors(sample_pixels(source.numpy()), sample_pixels(reference.numpy())), content)
    return recolor(done.coefficients, lab), done


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean distance, CIE76 units."""
    return float(((one - other) * torch.tensor([100.0, 255.0, 255.0])).norm(dim=-1).mean())


def test_sure_matches_are_followed() -> None:
    local = scene(1)
    result, done = finished(scene(0), local, local, evidence(0.9, 1.0))
    assert distance(result, srgb_to_lab(local)) < 1.0
    assert done.confidence.min() > 0.9


def test_unlike_matches_give_way_to_the_look() -> None:
    source, local = scene(0), scene(1)
    result, done = finished(source, local, scene(2), evidence(0.0, 0.0))
    alone, _ = finished(source, local, scene(2), evidence(0.9, 1.0), content=0.0)
    assert distance(result, srgb_to_lab(source)) < 0.6 * distance(srgb_to_lab(local), srgb_to_lab(source))
    assert distance(result, alone) < 8.0
    assert done.confidence.max() < 0.05


def test_content_goes_from_the_look_to_the_matches() -> None:
    local = scene(1)
    distances = [distance(finished(scene(0), local, local, evidence(0.3, 0.1), content)[0], srgb_to_lab(local)) for content in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert all(later <= earlier + 0.2 for earlier, later in pairwise(distances))
    assert distances[-1] < 0.5 * distances[0]


@pytest.mark.parametrize(
    "reference", [torch.zeros(*SHAPE, 3), torch.ones(*SHAPE, 3), torch.full((32, 32, 3), 0.5), scene(3).mean(-1, keepdim=True).expand(*SHAPE, 3)]
)
def test_a_reference_without_colors_gives_none(reference: torch.Tensor) -> None:
    """All black, all white, flat and small, gray: nothing breaks, and no color comes from nowhere."""
    source = scene(0)
    result, _ = finished(source, source, reference.contiguous(), evidence(0.1, 0.0), content=0.0)
    chroma, own = ((x[..., 1:] - 128 / 255).norm(dim=-1) for x in (result, srgb_to_lab(source)))
    assert result.isfinite().all() and result.min() >= -1e-5 and result.max() <= 1 + 1e-5
    assert float(chroma.max()) <= float(own.max()) + 0.02


def test_equal_input_gives_equal_output() -> None:
    one, other = (finished(scene(0), scene(1), scene(2), evidence(0.4, 0.3))[1] for _ in range(2))
    assert torch.equal(one.coefficients, other.coefficients) and torch.equal(one.confidence, other.confidence)


def test_confidence_counts_likeness_and_agreement() -> None:
    values = [float(finished(scene(0), scene(1), scene(1), evidence(*found))[1].confidence.mean()) for found in ((0.3, 0.0), (0.5, 0.3), (0.7, 1.0))]
    assert values == sorted(values) and np.ptp(values) > 0.5
