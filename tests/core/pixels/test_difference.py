"""CIEDE2000 against published pairs and against scikit-image."""

from __future__ import annotations

import numpy as np
from skimage.color import deltaE_ciede2000

from nct_core.pixels.difference import ciede2000

# Pairs 1, 4, 7, 9, 13, 17, 20, 25 and 34 of Sharma, Wu and Dalal (2005), table 1.
PAIRS = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0009, -2.4900), 4.8045),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((50.0000, 2.5000, 0.0000), (58.0000, 24.0000, 15.0000), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def test_published_pairs() -> None:
    for first, second, expected in PAIRS:
        assert abs(float(ciede2000(np.array(first), np.array(second))) - expected) < 6e-5
        assert abs(float(ciede2000(np.array(second), np.array(first))) - expected) < 6e-5


def test_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform((0, -100, -100), (100, 100, 100), (2, 40, 50, 3))
    np.testing.assert_allclose(ciede2000(first, second), deltaE_ciede2000(first, second), atol=2e-4)
    assert (ciede2000(first, first) == 0).all()
