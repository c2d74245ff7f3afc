"""Guides on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from refusals import SMALL, picture, refuse

from nct_core.cli.main import main
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture


@pytest.fixture
def other(good: Path) -> Path:
    """A reference, and beside it masks of the left and the right half, and of nothing."""
    write_picture(good.with_name("other.png"), Picture(picture()[::-1]))
    left = np.zeros((32, 40, 1), np.uint8)
    left[:, :20] = 255
    for name, mask in (("left", left), ("right", 255 - left), ("nothing", 0 * left)):
        write_picture(good.with_name(f"{name}.png"), Picture(mask))
    return good.with_name("other.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pin", "3,4"], "expected two points as X,Y=X,Y or X,Y=X,Y@N, got '3,4'"),
        (["--pin", "3,4=5,6@2"], "pin 3,4=5,6 of reference 2: expected the number of one of the 1 references, counted from 1, got 2"),
        (["--pin", "3,4=5,6@0"], "counted from 1, got 0"),
        (["--pin=-3,4=5,6"], "in the source: expected a point inside the picture of 40x32, got column -3, row 4"),
        (["--pin", "3,4=5,6", "--pin", "3,4=35,6"], "guide 1 (pin 3,4=5,6) and guide 2 (pin 3,4=35,6) contradict each other"),
        (["--pair", "left.png", "missing.png"], "missing.png: expected an image file, but there is no such file"),
        (["--pair", "left.png", "nothing.png"], "(pair of regions 'left'), mask of the reference: expected a region that contains something visible"),
        (["--protect", "nothing.png"], "(protected region 'nothing'), its mask: expected a region"),
        (["--labels-in", "left.png"], "expected 2 arguments"),
        (["--guides", "missing.json"], "missing.json: expected a JSON file of guides, got No such file"),
    ],
)
def test_bad_guides(options: list[str], message: str, good: Path, other: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [str(good.with_name(option)) if option.endswith((".png", ".json")) else option for option in options]
    assert message in refuse(capsys, folder, good, other, "-o", folder / "out.png", *SMALL, *options)


def test_options_and_a_file_say_the_same(good: Path, other: Path, folder: Path) -> None:
    left, right = str(good.with_name("left.png")), str(good.with_name("right.png"))
    content = {"pairs": [{"source": "left.png", "reference": "right.png"}], "pins": [{"source": [30, 20], "reference": [8, 9]}]}
    good.with_name("guides.json").write_text(json.dumps(content), encoding="utf-8")
    runs = {
        "plain": [],
        "options": ["--pair", left, f"{right}@1", "--pin", "30,20=8,9"],
        "file": ["--guides", str(good.with_name("guides.json"))],
        "kept": ["--protect", left],
        "labels": ["--labels-in", left, f"{right}@1"],
    }
    results = {}
    for name, options in runs.items():
        assert main(["transfer", str(good), str(other), "-o", str(folder / f"{name}.png"), "--quiet", *SMALL, *options]) == 0
        results[name] = read_picture(folder / f"{name}.png").pixels
    np.testing.assert_array_equal(results["options"], results["file"])
    assert (results["plain"] != results["options"]).any() and (results["plain"] != results["labels"]).any()
    np.testing.assert_array_equal(results["kept"][:, :20], read_picture(good).pixels[:, :20])
    assert (results["kept"][:, 30:] != read_picture(good).pixels[:, 30:]).any()
