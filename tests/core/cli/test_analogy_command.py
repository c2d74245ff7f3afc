"""``nct analogy``: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from refusals import picture, refuse

from nct_core.cli.main import main
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2", "--deconvolution-steps", "1"]


@pytest.mark.slow
def test_it_writes_both_pictures_and_the_matches(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    style = good.with_name("style.tif")
    write_picture(style, Picture(picture(50, 44).astype(np.uint16) * 257))
    extra = ["--back", folder / "back.tif", "--correspondences", folder / "matches.npy", "--json"]
    assert main([*map(str, ["analogy", good, style, "-o", folder / "out.png", *extra]), *SMALL]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["size"] == [40, 32] and report["device"] == "CPU" and report["warnings"] == []
    image, back = read_picture(folder / "out.png").pixels, read_picture(folder / "back.tif").pixels
    assert image.shape == (32, 40, 3) and image.dtype == np.uint8
    assert back.shape == (50, 44, 3) and back.dtype == np.uint16
    matches = np.load(folder / "matches.npy")
    assert matches.shape == (32, 40, 2) and matches.min() >= 0 and (matches.max((0, 1)) <= (49, 43)).all()
    assert sorted(path.name for path in folder.iterdir()) == ["back.tif", "matches.npy", "out.png"]


def test_bad_input_and_outputs_give_one_line_and_no_file(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    style = good.with_name("style.png")
    write_picture(style, Picture(picture()))
    out = folder / "out.png"

    def refused(*arguments: object) -> str:
        return refuse(capsys, folder, *arguments, command="analogy")

    assert "there is no such file" in refused(good, folder / "none.png", "-o", out)
    assert "there is no" in refused(good, style, "-o", folder / "no" / "out.png")
    assert "ends in .png" in refused(good, style, "-o", out, "--back", folder / "back.gif")
    assert "ends in .npy" in refused(good, style, "-o", out, "--correspondences", folder / "c.txt")
    assert "got one twice" in refused(good, style, "-o", out, "--back", out)
    assert "other than the source" in refused(good, style, "-o", out, "--back", good)
    assert "expected a number between 0 and 1" in refused(good, style, "-o", out, "--content", "much")
    assert "expected a file on this computer" in refused(good, "https://example.org/a.png", "-o", out)
    (folder.parent / "letter.png").write_text("This is a letter and no picture.\n" * 100)
    assert "letter.png: expected" in refused(good, folder.parent / "letter.png", "-o", out)
