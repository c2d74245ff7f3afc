"""Several references in a real GIMP: layers of two images, a selection, masks, a group, files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gimp_session import Gimp
from pictures import blobs
from pixel_files import EXECUTION_ERROR, SUCCESS, write_pixels

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

pytestmark = pytest.mark.gimp

SIZE, REFERENCE_SIZE = (96, 64), (80, 72)
PARAMS = {"working_size": 96, "bds_weight": 1.5}
SELECTED = (slice(12, 42), slice(10, 50))


def pixels(name: str) -> np.ndarray:
    seed, size = {"source": (0, SIZE), "sky": (1, REFERENCE_SIZE), "grass": (2, REFERENCE_SIZE), "sand": (3, REFERENCE_SIZE)}[name]
    return blobs(seed, size[::-1]) if name == "source" else (blobs(seed, size[::-1]) * 0.5).astype(np.uint8)


@pytest.fixture(scope="module")
def runs(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each run; the results lie in ``gimp.home``. One start of GIMP for all."""
    file = gimp.home / "Bäume 木.png"
    write_picture(file, Picture(pixels("sand")))
    source = write_pixels(gimp.home, "several-source", 0, SIZE, 3, "uint8")
    references = [write_pixels(gimp.home, f"several-{seed}", seed, REFERENCE_SIZE, 3, "uint8", 0.5) for seed in (1, 2, 3)]
    arguments = {"plugin": str(gimp.plugin), "source": source, "references": references, "file": str(file), "params": PARAMS}
    return gimp.call("several", module="references", folder=str(gimp.home), **arguments)


def expected(*references: np.ndarray) -> np.ndarray:
    params = nct_core.TransferParams.from_mapping(PARAMS)
    result = nct_core.transfer(to_srgb(pixels("source")), [to_srgb(reference) for reference in references], params)
    return from_srgb(result.image, None, np.uint8)


def of(gimp: Gimp, runs: dict[str, dict[str, Any]], case: str) -> np.ndarray:
    assert runs[case]["status"] == SUCCESS, runs[case]
    return read_picture(gimp.home / f"{case}.png").pixels


def selected(name: str) -> np.ndarray:
    alpha = np.zeros((*pixels(name).shape[:2], 1), np.uint8)
    alpha[SELECTED] = 255
    return np.concatenate([pixels(name), alpha], axis=2)


def test_three_layers_of_two_images(gimp: Gimp, runs: dict[str, dict[str, Any]]) -> None:
    np.testing.assert_array_equal(of(gimp, runs, "three"), expected(pixels("sky"), pixels("grass"), pixels("sand")))
    used = runs["three"]["used"]
    assert used.startswith("Used: ") and all(name in used for name in ("sky", "grass", "sand"))


def test_a_layer_and_a_file_with_a_name_beyond_ascii(gimp: Gimp, runs: dict[str, dict[str, Any]]) -> None:
    np.testing.assert_array_equal(of(gimp, runs, "file"), expected(pixels("sky"), pixels("sand")))
    assert "Bäume 木.png" in runs["file"]["used"] and "sky" in runs["file"]["used"]


def test_only_what_is_selected_counts_where_that_is_wanted(gimp: Gimp, runs: dict[str, dict[str, Any]]) -> None:
    whole = expected(pixels("grass"))
    for case in ("one", "not limited", "selected only without a selection", "mask switched off", "group"):
        np.testing.assert_array_equal(of(gimp, runs, case), whole, case)
    part = expected(selected("grass"))
    assert not np.array_equal(part, whole)
    for case in ("selection", "mask"):
        np.testing.assert_array_equal(of(gimp, runs, case), part, case)
    assert runs["one"]["used"] == "Used: grass 100 %"


def test_what_is_to_be_known_about_a_reference_is_told(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["plain"]["used"] == "Used: plain 100 %. The reference has almost a single tone: the result takes little of its look"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("missing file", "木.png that is not there.png: expected an image file, but there is no such file"),
        ("remote file", "expected a file on this computer, got https://example.org/a.png"),
        ("selection beside it", "The reference 'grass': expected something visible within its mask and selection, got nothing"),
        ("hidden", "The reference 'grass': expected something visible within its mask and selection, got nothing"),
        ("no such device", "Expected one of the devices that this machine has (auto, cpu"),
        ("transparent", "The reference 'clear': expected at least one pixel that is not fully transparent, got none"),
    ],
)
def test_a_reference_that_cannot_be_used_is_named(runs: dict[str, dict[str, Any]], case: str, words: str) -> None:
    assert runs[case]["status"] == EXECUTION_ERROR
    assert words.lower() in runs[case]["message"].lower()  # the procedure makes a sentence of it
