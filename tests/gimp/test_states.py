"""Sources of every mode, opacity, place, mask and lock in a real GIMP: what a user expects of the new layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gimp_session import Gimp
from pictures import blobs

pytestmark = pytest.mark.gimp

SIZE = (96, 64)
PARAMS = {"strength": 1.0, "working_size": 96, "patchmatch_iterations": 2, "keep_lightness": 0.0}
AS_A_DUPLICATE = {"mode": "normal", "opacity": 100.0, "spaces": ["auto", "auto", "auto"], "parent": "", "mask": False, "modes within": [], "unit": "in"}
MULTIPLIED = {"mode": "multiply", "opacity": 80.0, "spaces": ["rgb-linear", "rgb-non-linear", "union"]}
PARTS = {"modes within": ["merge", "normal"]}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "half": {"opacity": 50.0},
    "multiply": MULTIPLIED,
    "references": PARTS,
    "multiply, references": {**MULTIPLIED, **PARTS},
    "hidden": {},
    "group": {"parent": "group"},
    "pass-through": {"parent": "group"},
    "mask": {"mask": True},
    "mask disabled": {},
    "mask shown": {"mask": True},
    "locked": {"parent": "group"},
    "new image": {"unit": "mm", "resolution": [300.0, 150.0], "offsets": [0, 0], "above": 0},
}


@pytest.fixture(scope="module")
def runs(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each run; pixels lie in ``gimp.home``. One start of GIMP for all."""
    opaque = np.concatenate([blobs(0, SIZE[::-1]), np.full((*SIZE[::-1], 1), 255, np.uint8)], axis=2)
    references = [blobs(seed, (72, 80)) // 2 for seed in (3, 13)]  # each is the better one for about half of the source
    described = []
    for name, pixels in (("source", opaque), ("one", references[0]), ("other", references[1])):
        np.ascontiguousarray(pixels).tofile(gimp.home / f"states {name}")
        described.append({"file": f"states {name}", "size": pixels.shape[1::-1], "channels": pixels.shape[2], "dtype": "uint8"})
    return gimp.call("states", module="states", folder=str(gimp.home), plugin=str(gimp.plugin), source=described[0], references=described[1:], params=PARAMS)


@pytest.mark.parametrize("case", CASES)
def test_the_new_layer_is_as_a_duplicate_of_its_source(runs: dict[str, Any], case: str) -> None:
    facts = runs[case]
    wanted = {**AS_A_DUPLICATE, "offsets": [7, -5], "above": 1, "size": [96, 64], **CASES[case]}
    assert {name: facts[name] for name in wanted} == wanted
    assert facts["visible"] and facts["name"].startswith("Recolored: ")
    assert not facts["mask shown"] and facts["locks"] == [False, False, False]
    assert facts["others unchanged"]


def test_locks_modes_and_opacity_change_nothing_in_the_pixels(gimp: Gimp, runs: dict[str, Any]) -> None:
    plain = (gimp.home / "plain result").read_bytes()
    for case in ("half", "multiply", "hidden", "group", "pass-through", "mask", "mask disabled", "mask shown", "locked"):
        assert (gimp.home / f"{case} result").read_bytes() == plain, case


@pytest.mark.parametrize("case", ["references", "multiply, references"])
def test_the_parts_in_a_group_look_as_one_layer(gimp: Gimp, runs: dict[str, Any], case: str) -> None:
    whole, parts = (np.frombuffer((gimp.home / f"{name} result").read_bytes(), np.uint8).astype(int) for name in (f"{case} whole", case))
    assert np.abs(whole - parts).max() <= 1


@pytest.mark.parametrize("case", ["mask", "mask shown"])
def test_the_mask_is_the_sources(gimp: Gimp, runs: dict[str, Any], case: str) -> None:
    mask = np.frombuffer((gimp.home / f"{case} mask").read_bytes(), np.uint8).reshape(SIZE[::-1])
    expected = np.zeros_like(mask)
    expected[15:45, 3:43] = 255  # the rectangle that was selected, on the layer
    np.testing.assert_array_equal(mask, expected)
