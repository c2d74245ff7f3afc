import numpy as np
import torch
from skimage.color import rgb2lab

from nct_core.pixels.lab import lab_to_srgb, srgb_to_lab
from nct_core.pixels.lab_cpu import power


def test_lab_agrees_with_scikit_image():
    rgb = np.random.default_rng(0).random((50, 40, 3))
    lab = srgb_to_lab(torch.from_numpy(rgb)).numpy()
    truth = rgb2lab(rgb)
    np.testing.assert_allclose(lab[..., 0] * 100, truth[..., 0], atol=0.02)
    np.testing.assert_allclose(lab[..., 1:] * 255 - 128, truth[..., 1:], atol=0.05)


def test_round_trip_also_beyond_srgb():
    rgb = torch.rand(1000, 3, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.2
    torch.testing.assert_close(lab_to_srgb(srgb_to_lab(rgb)), rgb, atol=2e-4, rtol=0)


def test_gray_is_neutral():
    gray = torch.linspace(0, 1, 11)[:, None].expand(-1, 3)
    torch.testing.assert_close(srgb_to_lab(gray)[:, 1:], torch.full((11, 2), 128 / 255), atol=1e-6, rtol=0)


def test_compiled_conversions_agree_with_double_precision():
    rgb = torch.rand(100_000, 3, generator=torch.Generator().manual_seed(2)) * 1.2 - 0.1
    rgb[:1000] *= 1e-3
    lab = srgb_to_lab(rgb)
    torch.testing.assert_close(lab.double(), srgb_to_lab(rgb.double()), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(lab_to_srgb(lab).double(), lab_to_srgb(lab.double()), atol=1 / 65535, rtol=0)
    bright = rgb.abs() * 30
    torch.testing.assert_close(srgb_to_lab(bright).double(), srgb_to_lab(bright.double()), atol=3e-5, rtol=0)


def test_powers_without_a_library():
    x = np.exp2(np.linspace(-8, 8, 100_001)).astype(np.float32)
    for exponent in (2.4, 1 / 2.4, 1 / 3):
        exact = x.astype(np.float64) ** np.float64(np.float32(exponent))
        np.testing.assert_allclose([power(value, np.float32(exponent)) for value in x[::100]], exact[::100], rtol=2e-6)
