"""Effects that GIMP keeps on layers, in a real GIMP: what is seen is what is recolored, and what gives the colors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gimp_session import Gimp
from pictures import blobs

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb

pytestmark = pytest.mark.gimp

SIZE, REFERENCE_SIZE = (96, 64), (80, 72)
PARAMS = {"strength": 1.0, "keep_lightness": 0.0, "working_size": 96, "patchmatch_iterations": 2}
KEPT = {
    "plain": [],
    "inverted": ["gegl:invert-gamma"],
    "switched off": ["gegl:invert-gamma"],
    "masked": ["gegl:invert-gamma"],
    "grown": ["gegl:dropshadow", "gegl:invert-gamma"],
    "group inverted": ["gegl:invert-gamma"],
    "group of grown": [],
}
SEEN_PLAIN = ("plain", "switched off")
SOURCE = np.concatenate([blobs(0, SIZE[::-1]), np.full((*SIZE[::-1], 1), 255, np.uint8)], axis=2)
REFERENCE = blobs(3, REFERENCE_SIZE[::-1]) // 2


@pytest.fixture(scope="module")
def runs(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each case; pixels lie in ``gimp.home``. One start of GIMP for all."""
    described = []
    for name, pixels in (("source", SOURCE), ("reference", REFERENCE)):
        np.ascontiguousarray(pixels).tofile(gimp.home / f"effects {name}")
        described.append({"file": f"effects {name}", "size": pixels.shape[1::-1], "channels": pixels.shape[2], "dtype": "uint8"})
    arguments = {"plugin": str(gimp.plugin), "source": described[0], "reference": described[1], "params": PARAMS}
    return gimp.call("effects", module="effects", folder=str(gimp.home), **arguments)


def pixels_of(gimp: Gimp, name: str, *shape: int) -> np.ndarray:
    return np.fromfile(gimp.home / name, np.uint8).reshape(*shape, 4)


def inverted(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([255 - pixels[..., :3], pixels[..., 3:]], axis=2)


@pytest.mark.parametrize("case", KEPT)
def test_pixels_are_read_as_gimp_shows_them(gimp: Gimp, runs: dict[str, Any], case: str) -> None:
    wanted = SOURCE if case in SEEN_PLAIN else inverted(SOURCE)
    np.testing.assert_array_equal(pixels_of(gimp, f"{case} read", *SIZE[::-1]), wanted)
    np.testing.assert_array_equal(pixels_of(gimp, f"{case} own", *SIZE[::-1]), wanted)
    preview = pixels_of(gimp, f"{case} preview", *runs[case]["preview"]).astype(int)
    assert np.abs(preview - wanted.reshape(SIZE[1] // 2, 2, SIZE[0] // 2, 2, 4).mean((1, 3))).max() < 3


@pytest.mark.parametrize("case", KEPT)
def test_reading_changes_nothing(runs: dict[str, Any], case: str) -> None:
    facts = runs[case]
    assert facts["unchanged"] and not facts["dirty"] and facts["images"] == 0
    assert facts["kept"] == KEPT[case]


@pytest.mark.parametrize("case", ["plain", "inverted"])
def test_the_transfer_is_one_of_what_is_seen(gimp: Gimp, runs: dict[str, Any], case: str) -> None:
    params = nct_core.TransferParams.from_mapping(PARAMS)
    source, reference = SOURCE if case == "plain" else inverted(SOURCE), 255 - REFERENCE
    wanted = nct_core.transfer(to_srgb(source, None), [to_srgb(reference, None)], params, device="cpu")
    recolored = pixels_of(gimp, f"{case} recolored", *SIZE[::-1])
    assert np.abs(recolored.astype(int) - from_srgb(wanted.image, None, np.dtype(np.uint8))).max() <= 1
    assert runs[case]["effects of the new layer"] == 0
