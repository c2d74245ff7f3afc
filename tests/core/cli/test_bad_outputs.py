"""Outputs that cannot be: refused before any work, and no file is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from refusals import picture, refuse

from nct_core.files.picture import Picture
from nct_core.files.write import write_picture


def test_outputs_that_cannot_be_written(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = good.with_name("other.png")
    write_picture(other, Picture(picture()))
    before = good.read_bytes()
    assert "there is no" in refuse(capsys, folder, good, other, "-o", folder / "no" / "out.png")
    assert "other.png is a file" in refuse(capsys, folder, good, other, "-o", other / "out.png")
    assert "it is a folder" in refuse(capsys, folder, good, other, "-o", good.parent)
    assert "expected a name that a file can have" in refuse(capsys, folder, good, other, "-o", folder / f"{'x' * 300}.png")
    assert "too long" in refuse(capsys, folder, good.with_name(f"{'x' * 300}.png"), other, "-o", folder / "out.png")
    assert "ends in .png" in refuse(capsys, folder, good, other, "-o", folder / "out.gif")
    assert "ends in .png" in refuse(capsys, folder, good, other, "-o", folder / "out")
    assert "ends in .npy" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--correspondences", folder / "c.txt")
    assert "ends in .png" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--confidence", folder / "c.jpg")
    assert "got one twice" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--confidence", folder / "out.png")
    assert "got one twice" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--labels", folder / "out.png")
    assert "ends in .png" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--labels", folder / "labels.jpg")
    assert "got a file; choose another name" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--maps", good)
    assert "which does not exist" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--maps", folder / "no" / "maps")
    assert "expected a name that a file can have" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--maps", folder / ("m" * 300))
    assert "other than the source" in refuse(capsys, folder, good, other, "-o", good)
    assert "other than the source" in refuse(capsys, folder, good, other, "-o", folder.parent / "out" / ".." / "good" / "other.png")
    (good.parent / "taken.png").mkdir()
    assert "it is a folder" in refuse(capsys, folder, good, other, "-o", good.parent / "taken.png")
    assert good.read_bytes() == before
    wide = good.with_name("wide.png")
    write_picture(wide, Picture(picture(2, 16_384)))
    assert "at most 16383 pixels a side for WebP, got 16384 x 2" in refuse(capsys, folder, wide, other, "-o", folder / "out.webp")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which even the superuser cannot create files")
def test_folder_that_cannot_be_written_to(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a folder that can be written to, but no file can be made in /proc" in refuse(capsys, folder, good, good, "-o", "/proc/out.png")
    other = good.with_name("other.png")
    write_picture(other, Picture(picture()))
    assert "expected a folder that can be made" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--maps", "/proc/maps")
