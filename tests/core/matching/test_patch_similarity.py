"""All pairs of patches, against brute force."""

import itertools

import numpy as np
import pytest
import torch

from nct_core.matching.patch_similarity import comparison_grid, patch_similarities, pooled
from nct_core.runtime import threads


def planes(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape)


def by_hand(source, reference):
    """Mean dot products over what of two patches lies inside both grids, [h, w, H, W]."""
    (h, w), (to_h, to_w) = source.shape[:2], reference.shape[:2]
    out = np.empty((h, w, to_h, to_w))
    for row, col, to_row, to_col in np.ndindex(*out.shape):
        out[row, col, to_row, to_col] = np.mean([
            source[row + i, col + j] @ reference[to_row + i, to_col + j]
            for i, j in itertools.product((-1, 0, 1), repeat=2)
            if 0 <= row + i < h and 0 <= col + j < w and 0 <= to_row + i < to_h and 0 <= to_col + j < to_w
        ])  # fmt: skip
    return out


@pytest.mark.parametrize(("shape", "to_shape"), [((5, 4), (3, 6)), ((1, 5), (4, 2)), ((1, 1), (3, 3)), ((6, 2), (1, 1))])
@pytest.mark.parametrize("cores", [1, 2])
def test_against_every_pair_by_hand(shape, to_shape, cores, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: cores)
    source, reference = planes(1, (*shape, 6)), planes(2, (*to_shape, 6))
    found = patch_similarities(torch.from_numpy(source), torch.from_numpy(reference))
    assert found.dtype == np.float32 and found.shape == (*shape, *to_shape)
    np.testing.assert_allclose(found, by_hand(source, reference), atol=2e-6)


def test_the_grid_of_comparison_is_bounded():
    assert comparison_grid((34, 43)) == (34, 43)
    assert comparison_grid((20, 125)) == (8, 48)
    assert comparison_grid((1, 500)) == (1, 48)


def test_features_are_averaged_over_cells():
    features = torch.from_numpy(np.random.default_rng(3).integers(0, 7680, (6, 8, 3), np.int16))
    expected = features.double().view(3, 2, 4, 2, 3).mean((1, 3))
    torch.testing.assert_close(pooled(features, (3, 4)), expected)
    torch.testing.assert_close(pooled(features, (6, 8)), features.double())
