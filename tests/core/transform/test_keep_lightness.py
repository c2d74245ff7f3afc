import numpy as np
import pytest
import torch
from tolerances import ROUNDING

from nct_core.pixels.lab import lab_to_srgb, srgb_to_lab
from nct_core.transform.apply import ColorTransform

NEUTRAL = 128 / 255


def picture(seed, shape=(40, 60), channels=3):
    return np.random.default_rng(seed).random((*shape, channels)).astype(np.float32)


def transform(a, b, shape=(8, 12)):
    """The same (a, b) for each of the three channels everywhere."""
    coefficients = torch.tensor([value for pair in zip(a, b) for value in pair], dtype=torch.float32)
    return ColorTransform(coefficients.expand(*shape, 6).contiguous(), torch.rand(shape, generator=torch.Generator().manual_seed(0)))


def lab(srgb):
    return srgb_to_lab(torch.from_numpy(srgb.astype(np.float64))).numpy()


DARKER_AND_VIVID = transform((0.5, 2.5, 2.5), (0.1, -1.5 * NEUTRAL, -1.5 * NEUTRAL))
DARKER_AND_PALE = transform((0.5, 0.5, 0.5), (0.1, 0.5 * NEUTRAL, 0.5 * NEUTRAL))


def test_only_colors_move_where_srgb_holds_them():
    source = picture(1)
    before, out = lab(source), lab(DARKER_AND_PALE.apply(source, keep_lightness=1.0))
    wanted = np.concatenate([before[..., :1], before[..., 1:] / 2 + NEUTRAL / 2], -1)
    inside = (np.abs(lab_to_srgb(torch.from_numpy(wanted)).numpy() - 0.5) <= 0.5).all(-1)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(out[..., 0], before[..., 0], atol=1e-5)
    np.testing.assert_allclose(out[inside], wanted[inside], atol=1e-5)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_out_of_gamut_colors_lose_chroma_but_neither_lightness_nor_hue(strength):
    source = picture(2)
    before, out = lab(source), DARKER_AND_VIVID.apply(source, strength, keep_lightness=1.0)
    assert out.min() >= -ROUNDING[out.dtype] and out.max() <= 1 + ROUNDING[out.dtype]
    after = lab(out)
    np.testing.assert_allclose(after[..., 0], before[..., 0], atol=2e-5)
    wanted = before[..., 1:] + strength * ((2.5 * before[..., 1:] - 1.5 * NEUTRAL).clip(0, 1) - before[..., 1:]) - NEUTRAL
    given = after[..., 1:] - NEUTRAL
    turned = np.degrees(np.abs(np.angle(given @ (1, 1j) / (wanted @ (1, 1j)))))
    chroma, wanted_chroma = np.hypot(*np.moveaxis(given, -1, 0)), np.hypot(*np.moveaxis(wanted, -1, 0))
    clear = chroma > 0.02
    assert np.quantile(turned[clear], 0.9) < 0.5 and turned[clear].max() < 5
    assert (chroma / wanted_chroma).max() < 1 + 1e-3
    reduced = chroma < 0.98 * wanted_chroma
    assert reduced.mean() > 0.2
    # No more than needed: with a little more chroma than they have now, they leave sRGB.
    more = np.concatenate([after[..., :1], NEUTRAL + 1.02 * given], -1)[reduced]
    assert (np.abs(lab_to_srgb(torch.from_numpy(more)).numpy() - 0.5).max(-1) > 0.5).mean() > 0.999


def test_nothing_jumps_from_one_hue_to_the_next():
    """Near yellow the largest chroma that sRGB holds does."""
    yellows = np.linspace((1.0, 0.8, 0.0), (1.0, 1.0, 0.0), 4000, dtype=np.float32)[None].repeat(2, 0)
    out = transform((1.0, 1.2, 1.2), (0.0, -0.2 * NEUTRAL, -0.2 * NEUTRAL)).apply(yellows, keep_lightness=1.0)
    assert np.abs(np.diff(out, axis=1)).max() < 0.005


def test_kept_lightness_survives_eight_bits():
    grid = np.arange(0, 256, 15, dtype=np.uint8)
    source = (np.stack(np.meshgrid(grid, grid, grid), -1).reshape(-1, 17 + 1, 3) / np.float32(255)).astype(np.float32)
    out = np.rint(DARKER_AND_VIVID.apply(source, keep_lightness=1.0).clip(0, 1) * 255) / 255
    # Half a step in every channel is at most this much lightness.
    bound = np.abs(lab(np.minimum(out + 0.5 / 255, 1.0))[..., 0] - lab(np.maximum(out - 0.5 / 255, 0.0))[..., 0])
    assert (np.abs(lab(out)[..., 0] - lab(source)[..., 0]) <= bound + 1e-6).all()


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_in_between_lightness_moves_in_proportion(strength):
    source = picture(3) * 0.4 + 0.3
    lightness = [lab(DARKER_AND_PALE.apply(source, strength, keep))[..., 0] for keep in (0.0, 0.25, 1.0)]
    np.testing.assert_allclose(lightness[1], 0.75 * lightness[0] + 0.25 * lightness[2], atol=1e-5)
    np.testing.assert_allclose(lightness[2], lab(source)[..., 0], atol=1e-5)


def test_nothing_jumps_at_either_end():
    source = picture(4) * 1.2 - 0.1  # values outside sRGB as a float layer has them
    np.testing.assert_allclose(DARKER_AND_VIVID.apply(source, 1e-5, keep_lightness=1.0), source, atol=5e-4)
    np.testing.assert_allclose(DARKER_AND_VIVID.apply(source, keep_lightness=1e-5), DARKER_AND_VIVID.apply(source), atol=5e-4)


def test_kept_at_zero_is_as_not_given():
    source = picture(5, channels=4) * 2 - 0.5
    np.testing.assert_array_equal(DARKER_AND_VIVID.apply(source, 0.6, keep_lightness=0.0), DARKER_AND_VIVID.apply(source, 0.6))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_gray_picture_keeps_its_lightness_and_so_all(channels):
    source = picture(6, channels=channels)
    np.testing.assert_allclose(DARKER_AND_PALE.apply(source, keep_lightness=1.0), source, atol=ROUNDING[source.dtype])


def test_alpha_and_transparent_pixels_stay():
    source = picture(7, channels=4)
    source[:4, :, 3] = 0
    out = DARKER_AND_VIVID.apply(source, keep_lightness=1.0)
    np.testing.assert_array_equal(out[..., 3], source[..., 3])
    np.testing.assert_array_equal(out[:4], source[:4])
