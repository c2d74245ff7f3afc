"""What can go wrong around a run in a real GIMP: images that change meanwhile, strange places, a full disk."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gimp_session import PROJECT, Gimp
from pictures import blobs
from pixel_files import SUCCESS, write_pixels

import nct_core
from installer import plugin as plugin_installer
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

pytestmark = pytest.mark.gimp

SIZE, REFERENCE_SIZE = (96, 64), (80, 72)
PARAMS = {"working_size": 96, "patchmatch_iterations": 2}
GONE = "the layer to recolor was removed during the transfer; start again"
CHANGED = "the size, mode, precision or color profile of the layer to recolor was changed during the transfer; start again"
TRAP = 'raise SystemExit("a module out of the folder in which GIMP was started")\n'


@pytest.fixture(scope="module")
def changes(gimp: Gimp) -> dict[str, dict[str, Any]]:
    source, reference = (write_pixels(gimp.home, f"troubles {seed}", seed, SIZE, 3, "uint8") for seed in range(2))
    arguments = {"plugin": str(gimp.plugin), "source": source, "reference": reference, "params": {"strength": 1.0, "keep_lightness": 0.0, **PARAMS}}
    return gimp.call("changed_meanwhile", module="troubles", folder=str(gimp.home), **arguments)


@pytest.mark.parametrize("case", ["deleted", "closed", "gray", "indexed", "deeper", "another profile", "smaller", "alpha"])
def test_a_source_that_changes_during_the_run_is_left_alone(changes: dict[str, Any], case: str) -> None:
    assert changes[case] == {"told": GONE if case in ("deleted", "closed") else CHANGED, "unchanged": True, "images": 0, "dirty": False}


def test_what_does_not_matter_may_change_during_the_run(changes: dict[str, Any]) -> None:
    assert changes["moved"] == {"told": "", "offsets": [31, 17]}
    assert changes["reference closed"] == {"told": "", "offsets": [0, 0]}


def test_a_reference_whose_image_was_closed_is_told(gimp: Gimp) -> None:
    reference = write_pixels(gimp.home, "closed reference", 1, REFERENCE_SIZE, 3, "uint8")
    told = gimp.call("closed_before", module="troubles", folder=str(gimp.home), reference=reference)
    assert told == "expected reference layers of open images, got one that is gone; choose another"


def test_from_a_folder_of_traps_in_a_home_beyond_ascii_without_room_for_the_log(gimp: Gimp) -> None:
    abroad = dataclasses.replace(gimp, home=gimp.home / "Zuhause – ä 木")
    start = abroad.home / "wo GIMP startet ö"
    start.mkdir(parents=True)
    for name in ("json", "pixels", "torch", "numpy", "nct_core", "worker", "gimpfu", "subprocess"):
        (start / f"{name}.py").write_text(TRAP)
    plugin_installer.install(PROJECT, abroad.plugin.parents[1], Path(sys.executable), abroad.log)
    settings = abroad.plugin / "worker.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "log": "/dev/full"}))
    source = write_pixels(abroad.home, "source ü", 0, SIZE, 3, "uint8")
    reference = write_pixels(abroad.home, "reference ü", 1, REFERENCE_SIZE, 3, "uint8", 0.5)
    pictures = [blobs(0, SIZE[::-1]), (blobs(1, REFERENCE_SIZE[::-1]) * 0.5).astype(np.uint8), (blobs(2, REFERENCE_SIZE[::-1]) * 0.5).astype(np.uint8)]
    write_picture(start / "Bäume 木.png", Picture(pictures[2]))
    arguments = {"source": source, "reference": reference, "file": "Bäume 木.png", "params": PARAMS}
    facts = abroad.call("abroad", module="troubles", started_in=start, folder=str(abroad.home), **arguments)
    assert facts["status"] == SUCCESS, facts
    assert (facts["name"], facts["image"]) == ("Recolored: Ebene ß 層", "Größe 図.xcf")
    assert "Référence – 木" in facts["used"] and "Bäume 木.png" in facts["used"]
    source_srgb, *references = (to_srgb(pixels) for pixels in pictures)
    expected = nct_core.transfer(source_srgb, references, nct_core.TransferParams.from_mapping(PARAMS))
    np.testing.assert_array_equal(read_picture(abroad.home / "abroad.png").pixels, from_srgb(expected.image, None, np.uint8))
