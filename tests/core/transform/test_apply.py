import numpy as np
import pytest
import torch
from tolerances import ROUNDING

from nct_core import InputError
from nct_core.pixels.lab import lab_to_srgb, srgb_to_lab
from nct_core.transform.apply import ColorTransform


def image(seed, shape, channels=3):
    return np.random.default_rng(seed).random((*shape, channels)).astype(np.float32)


def planted(shape, a=0.8, b=0.1):
    coefficients = torch.tensor([a, b] * 3).expand(*shape, 6).contiguous()
    return ColorTransform(coefficients, torch.rand(shape, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("shape", [(20, 30), (57, 61), (11, 200)])
def test_a_uniform_transform_is_exact_at_every_size(shape):
    source = image(1, shape)
    out = planted((20, 30)).apply(source)
    truth = lab_to_srgb((0.8 * srgb_to_lab(torch.from_numpy(source)) + 0.1).clamp(0, 1)).numpy()
    np.testing.assert_allclose(out, truth, atol=2e-4)


@pytest.mark.parametrize("keep_lightness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_strength_zero_returns_the_image_bit_for_bit(channels, keep_lightness):
    source = image(2, (33, 21), channels) * 3 - 1
    out = planted((8, 8)).apply(source, strength=0.0, keep_lightness=keep_lightness)
    np.testing.assert_array_equal(out, source)
    assert out is not source


def uneven(seed):
    """A transform that differs from place to place."""
    generator = torch.Generator().manual_seed(seed)
    return ColorTransform(torch.rand(30, 24, 6, generator=generator) * 0.3 + 0.4, torch.rand(30, 24, generator=generator))


def by_torch(t, source, strength, rows, keep_lightness=0.0):
    """The generic path, in bands of so many rows."""
    fields, shape = t._fields(source.shape[:2]), source.shape[:2]
    bands = [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]
    return np.concatenate([t._recolor_band(source[band], t._interpolate(fields, band, shape), strength, keep_lightness) for band in bands])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(30, 24), (90, 71)])
@pytest.mark.parametrize("keep_lightness", [0.0, 0.7, 1.0])
def test_both_implementations_agree(shape, channels, keep_lightness):
    source = image(3, shape, channels) * 1.4 - 0.2
    if channels in (2, 4):
        source[:7, :, -1] = 0
    t = uneven(1)
    compiled, generic = t.apply(source, 0.8, keep_lightness), by_torch(t, source, 0.8, 90, keep_lightness)
    # Where the edge of sRGB is found depends on rounding, which the curve near black makes larger.
    np.testing.assert_allclose(compiled, generic, atol=(0.5 if keep_lightness == 0.0 else 10.0) / 65535)


def test_tiles_make_no_difference():
    source, t = image(3, (90, 70)), uneven(1)
    np.testing.assert_allclose(by_torch(t, source, 1.0, 7), by_torch(t, source, 1.0, 90), atol=ROUNDING[np.dtype(np.float32)])


def test_alpha_and_transparent_pixels_stay():
    source = image(4, (16, 16), 4)
    source[:4, :, 3] = 0
    out = planted((16, 16)).apply(source)
    np.testing.assert_array_equal(out[..., 3], source[..., 3])
    np.testing.assert_array_equal(out[:4], source[:4])
    assert (out[4:, :, :3] != source[4:, :, :3]).all()


def test_gray_stays_gray_and_gets_the_lightness_of_rgb():
    gray = image(5, (12, 12), 1)
    t = planted((12, 12))
    out = t.apply(gray)
    lightness = srgb_to_lab(torch.from_numpy(t.apply(np.repeat(gray, 3, -1))))[..., 0]
    torch.testing.assert_close(srgb_to_lab(torch.from_numpy(out).expand(-1, -1, 3).contiguous())[..., 0], lightness, atol=1e-4, rtol=0)


def test_upsampling_follows_the_edges_of_the_larger_image():
    coefficients = torch.zeros(20, 20, 6)
    coefficients[..., 0::2] = 1.0
    coefficients[:, 10:, 1] = 0.3
    lightness = torch.full((20, 20), 0.2)
    lightness[:, 10:] = 0.6
    large = np.full((200, 200, 3), 0.15, np.float32)
    large[:, 100:] = 0.55
    out = ColorTransform(coefficients, lightness).apply(large)
    gain = srgb_to_lab(torch.from_numpy(out))[..., 0] - srgb_to_lab(torch.from_numpy(large))[..., 0]
    assert gain[:, :100].max() < 0.03 and gain[:, 100:].min() > 0.25


def test_strength_moves_along_a_line_in_lab():
    source = image(6, (10, 10)) * 0.5 + 0.25
    t = planted((10, 10), a=0.9, b=0.05)
    none, half, full = (srgb_to_lab(torch.from_numpy(t.apply(source, strength=s))) for s in (0.0, 0.5, 1.0))
    torch.testing.assert_close(half, (none + full) / 2, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ["strength", "keep_lightness"])
@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_out_of_range(name, value):
    with pytest.raises(InputError, match=f"{name} must lie between 0 and 1, got {value}"):
        planted((4, 4)).apply(image(7, (4, 4)), **{name: value})
