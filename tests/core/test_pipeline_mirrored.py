"""A reference that shows the scene the other way round is matched as its mirror image, and told of as it was given."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nct_core import TransferParams, TransferResult, pipeline, transfer
from nct_core.features.installed import forget_pictures
from nct_core.features.pyramid import COARSEST, FeaturePyramid
from nct_core.guidance.reference import Reference

SMALL = TransferParams(working_size=128, patchmatch_iterations=4)
Image = NDArray[np.float32]
CUT = 12  # columns of the scene that the reference does not show


def scene() -> Image:
    """A house, a tree and the sun at a slanting hill, 96 x 128: nothing in it is its own mirror image."""
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[:96, :128]
    brick = (rows % 6 < 1.5) | ((cols + 6 * (rows // 6 % 2)) % 12 < 1.5)
    y, x = rows / 96, cols / 96
    out = np.array([0.45, 0.65, 0.95]) * (0.75 + 0.25 * y[..., None])

    def paint(where: NDArray[np.bool_], color: tuple[float, float, float], grain: float = 0.0) -> None:
        out[where] = np.array(color) + grain * rng.standard_normal((int(where.sum()), 1))

    paint((y - 0.18) ** 2 + (x - 1.1) ** 2 < 0.012, (1, 0.95, 0.5))
    paint(y > 0.75 - 0.26 * x, (0.35, 0.55, 0.2), 0.06)
    wall = (y > 0.5) & (y < 0.85) & (x > 0.12) & (x < 0.5)
    paint(wall, (0.75, 0.35, 0.25))
    paint(wall & brick, (0.85, 0.8, 0.75))
    paint((y <= 0.5) & (y > 0.3) & (abs(x - 0.31) < (y - 0.28) * 1.1), (0.3, 0.12, 0.1))
    paint((y > 0.62) & (y < 0.85) & (x > 0.2) & (x < 0.3), (0.2, 0.15, 0.1))
    paint((y > 0.55) & (y < 0.9) & (abs(x - 0.95) < 0.03), (0.3, 0.2, 0.1))
    paint((y - 0.45) ** 2 + (x - 0.95) ** 2 < 0.03, (0.1, 0.35, 0.12), 0.1)
    return np.clip(out, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def source() -> Image:
    return scene()


@pytest.fixture(scope="module")
def truth(source: Image) -> Image:
    """The source recolored."""
    return source * np.float32([0.9, 0.6, 0.4]) + np.float32([0.1, 0.1, 0.25])


@pytest.fixture(scope="module")
def reference(truth: Image) -> Image:
    """The mirror image of what is right of ``CUT``."""
    return np.ascontiguousarray(truth[:, CUT:][:, ::-1])


@pytest.fixture(scope="module")
def result(source: Image, reference: Image) -> TransferResult:
    return transfer(source, [reference], SMALL)


def errors(result: TransferResult, number: int = 0) -> NDArray[np.float32]:
    """Pixels by which matches miss the truth, where there is one."""
    rows, cols = np.mgrid[:96, :128]
    true = np.stack([rows, 127 - cols], -1)
    return np.abs(result.correspondences_in(number) - true).max(-1)[:, CUT:]


@pytest.mark.slow
def test_matches_are_right_in_the_reference_as_it_was_given(result: TransferResult) -> None:
    assert [match.mirrored for match in result.matches] == [True]
    found = errors(result)
    print(f"median error {np.median(found):.2f} px, of 80 % at most {np.quantile(found, 0.8):.2f} px")
    assert np.median(found) < 4 and np.quantile(found, 0.8) < 6  # a cell has 16


@pytest.mark.slow
def test_colors_are_nearer_to_the_truth(source: Image, reference: Image, truth: Image, result: TransferResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def stay(reference: Reference, _half: torch.Tensor, network: FeaturePyramid, *_: object) -> Reference:
        return dataclasses.replace(reference, half=network.half_size(reference.image.rgb))

    monkeypatch.setattr(pipeline, "oriented", stay)
    without = transfer(source, [reference], SMALL)
    assert not without.matches[0].mirrored and np.median(errors(without)) > 10
    assert np.abs(result.image - truth).mean() < 0.9 * np.abs(without.image - truth).mean()


@pytest.mark.slow
def test_which_way_round_it_is_given_changes_the_matches_columns_only(source: Image, reference: Image, result: TransferResult) -> None:
    other = transfer(source, [np.ascontiguousarray(reference[:, ::-1])], SMALL)
    assert [match.mirrored for match in other.matches] == [False]
    np.testing.assert_array_equal(other.image, result.image)
    np.testing.assert_array_equal(other.confidence, result.confidence)
    np.testing.assert_array_equal(other.correspondences[..., 0], result.correspondences[..., 0])
    np.testing.assert_allclose(other.correspondences[..., 1], 115 - result.correspondences[..., 1], atol=1e-4)


@pytest.mark.slow
def test_each_of_several_references_by_itself_with_its_holes(source: Image, reference: Image) -> None:
    hole = np.concatenate([reference, np.ones((96, 116, 1), np.float32)], -1)
    hole[:, 80:, 3] = 0
    hole[:, 80:, :3] = (0, 1, 0)
    as_it_is = np.ascontiguousarray(0.5 * reference[:, ::-1])
    seen = []
    result = transfer(source, [as_it_is, hole], SMALL, observer=seen.append)
    assert [match.mirrored for match in result.matches] == [False, True]
    matches = result.correspondences_in(1)
    assert matches[..., 1].min() >= 0 and matches[..., 1].max() <= 80 + 116 / 7  # the cells that the border crosses are shared
    assert np.median(errors(result, 1)[:, 128 - 75 - CUT :]) < 6
    assert np.median(np.abs(result.correspondences_in(0)[..., 1] - np.arange(128) + CUT)[:, CUT:]) < 6
    assert set().union(*(maps.references for maps in seen)) == {0, 1}
    for maps in seen:  # what the maps show is what was matched
        for number, shown in maps.references.items():
            expected, opaque = (reference[:, ::-1], np.s_[:, 36:]) if number else (as_it_is, np.s_[:, :])
            np.testing.assert_allclose(shown.rgb.numpy()[opaque], expected[opaque], atol=1e-5)
            assert shown.valid[opaque].all() and shown.valid.sum() == expected[opaque][..., 0].size


def test_nothing_is_mirrored_as_published(source: Image, reference: Image) -> None:
    published = TransferParams(working_size=96, patchmatch_iterations=2, match_drift=100.0)
    result = transfer(source, [reference], published)
    assert [match.mirrored for match in result.matches] == [False]


@pytest.mark.slow
def test_the_network_sees_no_picture_twice(source: Image, reference: Image, result: TransferResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """Source and the mirrored reference at full size, both and the reference as it is at half size; nothing the next time."""
    seen: list[int] = []
    compute = FeaturePyramid.__call__

    def watched(self: FeaturePyramid, image: torch.Tensor, levels: list[int], *arguments: Any) -> dict[int, torch.Tensor]:
        seen.extend([image.shape[0]] * (max(levels) == COARSEST))
        return compute(self, image, levels, *arguments)

    forget_pictures()
    monkeypatch.setattr(FeaturePyramid, "__call__", watched)
    for expected in ([48, 48, 48, 96, 96], []):
        seen.clear()
        np.testing.assert_array_equal(transfer(source, [reference], SMALL).image, result.image)
        assert sorted(seen) == expected
