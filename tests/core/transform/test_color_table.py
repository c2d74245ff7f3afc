"""Tables fitted to transfers: planted truth, invariants, and what happens where a picture has no colors."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import blobs, landscape
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import InputError, TransferParams, transfer
from nct_core.look.table import identity_table, interpolate, to_lab
from nct_core.transform.color_table import fit_table


def planted(colors: np.ndarray) -> np.ndarray:
    """A smooth transform of colors: warmer, softer, with a curve."""
    return np.stack([0.08 + 0.86 * colors[..., 0] ** 0.9, 0.05 + 0.85 * colors[..., 1], 0.1 + 0.6 * colors[..., 2] ** 1.2], -1).astype(np.float32)


def rises(values: np.ndarray) -> bool:
    lightness = to_lab(values)[..., 0]
    return bool((np.diff([lightness[i, i, i] for i in range(len(values))]) >= -1e-3).all() and (lightness[1:, 1:, 1:] - lightness[:-1, :-1, :-1]).min() > -1e-2)


@pytest.mark.parametrize("side", [17, 33])
def test_a_global_transform_is_found_everywhere_in_the_cube(side: int) -> None:
    source = np.random.default_rng(0).random((120, 160, 3), np.float32)
    table = fit_table(source, planted(source), identity_table(side))
    assert table.values.shape == (side, side, side, 3) and table.values.dtype == np.float32
    assert table.mean < 0.5 and table.percentile95 < 1.5
    inside = np.random.default_rng(1).uniform(0.1, 0.9, (4000, 3)).astype(np.float32)
    assert deltaE_ciede2000(rgb2lab(table.apply(inside)), rgb2lab(planted(inside))).mean() < 0.5
    assert rises(table.values)


def test_colors_that_the_picture_does_not_have_get_the_look() -> None:
    source = (0.4 + 0.1 * np.random.default_rng(0).random((80, 80, 3))).astype(np.float32)
    look = planted(identity_table(17))
    table = fit_table(source, source, look)  # the picture's own colors stay, against the look
    assert np.abs(table.apply(source) - source).mean() < 0.01
    far = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    assert np.abs(table.apply(far) - interpolate(look, far)).max() < 0.12
    assert rises(table.values)


def test_a_contradictory_transfer_gives_a_smooth_table_and_its_error() -> None:
    """The left half becomes darker and the right one brighter: the same color goes two ways, which no table can hold."""
    source = blobs(1, (90, 120), dtype="float32") * 0.6 + 0.2
    result = source.copy()
    result[:, :60] -= 0.15
    result[:, 60:] += 0.15
    table = fit_table(source, result, identity_table(17))
    truth = deltaE_ciede2000(rgb2lab(table.apply(source)), rgb2lab(result))
    assert table.mean == pytest.approx(truth.mean(), rel=0.05) and table.percentile95 == pytest.approx(np.quantile(truth, 0.95), rel=0.05)
    assert table.mean > 5
    assert np.abs(np.diff(table.values, n=2, axis=0)).max() < 0.2
    assert rises(table.values)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_kind_of_picture(channels: int) -> None:
    source = blobs(3, (50, 60), channels, "float32")
    table = fit_table(source, np.where(np.arange(channels) < channels - (channels + 1) % 2, source * 0.8, source).astype(np.float32), identity_table(17))
    assert np.isfinite(table.values).all() and table.values.min() >= 0 and table.values.max() <= 1
    assert table.mean < 1


def test_of_a_result() -> None:
    source, reference = landscape(1, (96, 128)), landscape(2, (80, 100), sky=(0.9, 0.5, 0.3))
    result = transfer(source, [reference], TransferParams(working_size=96, patchmatch_iterations=2), device="cpu")
    table = result.color_table(source, 17)
    difference, before = (deltaE_ciede2000(rgb2lab(image.clip(0, 1)), rgb2lab(result.image.clip(0, 1))).mean() for image in (table.apply(source), source))
    assert table.mean == pytest.approx(difference, abs=0.05) and difference < 0.5 * before
    unchanged = transfer(source, [reference], TransferParams(working_size=96, patchmatch_iterations=2, strength=0.0), device="cpu").color_table(source, 17)
    assert np.abs(unchanged.values - identity_table(17)).max() < 2e-3
    for side in (16, 66):
        with pytest.raises(InputError, match="expected a table of 17 to 65 points"):
            result.color_table(source, side)
    with pytest.raises(InputError, match="expected the source of the result"):
        result.color_table(source[1:])
