"""Where the result goes, and what limits it, in a real GIMP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gimp_session import Gimp
from pictures import blobs
from pixel_files import write_pixels

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.views.part_masks import part_masks

pytestmark = pytest.mark.gimp

SIZE, REFERENCE_SIZE = (96, 64), (80, 72)
PARAMS = {"working_size": 96, "patchmatch_iterations": 2}
SEEDS = 2, 3  # each reference is the better one for a part of the source
STATES = ("plain", "selection", "both")


@pytest.fixture(scope="module")
def runs(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each run; pixels and masks lie in ``gimp.home``. One start of GIMP for all."""
    source = write_pixels(gimp.home, "outputs-source", 0, SIZE, 4, "uint8")
    references = [write_pixels(gimp.home, f"outputs-{seed}", seed, REFERENCE_SIZE, 3, "uint8", 0.5) for seed in SEEDS]
    return gimp.call("outputs", module="outputs", folder=str(gimp.home), plugin=str(gimp.plugin), source=source, references=references, params=PARAMS)


@pytest.fixture(scope="module")
def result() -> nct_core.TransferResult:
    references = [to_srgb((blobs(seed, REFERENCE_SIZE[::-1]) * 0.5).astype(np.uint8)) for seed in SEEDS]
    return nct_core.transfer(to_srgb(blobs(0, SIZE[::-1], 4)), references, nct_core.TransferParams.from_mapping(PARAMS))


def load(gimp: Gimp, name: str, channels: int = 1) -> np.ndarray:
    return np.frombuffer((gimp.home / name).read_bytes(), np.uint8).reshape(*SIZE[::-1], channels)


def limits(gimp: Gimp, state: str) -> np.ndarray:
    """What selection and layer mask leave of the effect, 0 .. 1."""
    left = np.ones((*SIZE[::-1], 1))
    for mask, states in (("selection", ("selection", "both")), ("own mask", ("both",))):
        if state in states:
            left = left * load(gimp, mask) / 255
    return left


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("output", ["new-layer", "confidence-mask"])
def test_one_layer_limited_by_its_mask(gimp: Gimp, runs: dict[str, Any], result: nct_core.TransferResult, state: str, output: str) -> None:
    facts = runs[f"{state} {output}"]
    (layer,) = facts["layers"]
    np.testing.assert_array_equal(load(gimp, layer["file"], 4), from_srgb(result.image, None, np.uint8))
    assert (facts["position"], layer["offsets"], facts["group"]) == (1, [-11, 23], "")
    expected = limits(gimp, state) * (result.confidence[..., None] if output == "confidence-mask" else 1)
    if state == "plain" and output == "new-layer":
        assert not layer["mask"]
    else:
        assert np.abs(load(gimp, layer["file"] + " mask") - expected * 255).max() <= 1
        assert state == "plain" or 0.02 < expected.mean() < 0.5


@pytest.mark.parametrize("state", STATES)
def test_a_layer_for_each_reference_in_a_group(gimp: Gimp, runs: dict[str, Any], result: nct_core.TransferResult, state: str) -> None:
    facts = runs[f"{state} layer-per-reference"]
    used = [index for index, share in enumerate(result.shares) if share > 0]
    assert used == [0, 1]
    parts = part_masks(result.working_labels, result.transform, to_srgb(blobs(0, SIZE[::-1], 4)))
    assert [layer["name"] for layer in facts["layers"]] == [f"reference {index} {max(1, round(100 * result.shares[index]))} %" for index in used]
    assert facts["group"] == "Recolored: a layer" and facts["position"] == 1
    for layer, index in zip(facts["layers"], used):
        assert layer["offsets"] == [-11, 23]
        np.testing.assert_array_equal(load(gimp, layer["file"], 4), from_srgb(result.image, None, np.uint8))
        expected = limits(gimp, state) * (parts[index] / 255)[..., None]
        assert np.abs(load(gimp, layer["file"] + " mask") - expected * 255).max() <= 1


@pytest.mark.parametrize("state", STATES)
def test_a_new_image(gimp: Gimp, runs: dict[str, Any], result: nct_core.TransferResult, state: str) -> None:
    facts = runs[f"{state} new-image"]
    assert facts["in a new image"] and facts["new images"] == 1
    (layer,) = facts["layers"]
    assert layer["offsets"] == [0, 0]
    np.testing.assert_array_equal(load(gimp, layer["file"], 4), from_srgb(result.image, None, np.uint8))


def test_nothing_else_changes(runs: dict[str, Any]) -> None:
    for case, facts in runs.items():
        assert facts["others unchanged"] and facts["selection kept"], case
        assert facts["new images"] == ("new-image" in case), case
