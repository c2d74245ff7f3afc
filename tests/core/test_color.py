import numpy as np
import torch
from skimage.color import rgb2lab

from nct_core.color import lab_to_srgb, srgb_to_lab


def test_lab_agrees_with_scikit_image():
    rgb = np.random.default_rng(0).random((50, 40, 3))
    lab = srgb_to_lab(torch.from_numpy(rgb)).numpy()
    truth = rgb2lab(rgb)
    np.testing.assert_allclose(lab[..., 0] * 100, truth[..., 0], atol=0.02)
    np.testing.assert_allclose(lab[..., 1:] * 255 - 128, truth[..., 1:], atol=0.05)


def test_round_trip_also_beyond_srgb():
    rgb = torch.rand(1000, 3, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.2
    torch.testing.assert_close(lab_to_srgb(srgb_to_lab(rgb)), rgb, atol=2e-4, rtol=0)


def test_grey_is_neutral():
    grey = torch.linspace(0, 1, 11)[:, None].expand(-1, 3)
    torch.testing.assert_close(srgb_to_lab(grey)[:, 1:], torch.full((11, 2), 128 / 255), atol=1e-6, rtol=0)
