"""``nct transfer --save`` and ``nct apply``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import landscape

from nct_core import ColorTransform
from nct_core.cli.main import main
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture
from nct_core.pixels.resample import resize

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2"]


def write(path: Path, image: np.ndarray) -> Path:
    write_picture(path, Picture(np.rint(image * 255).astype(np.uint8)))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, its enlargement, another picture, and the transfer ``look.nct`` with its result ``done.png``."""
    folder = tmp_path_factory.mktemp("apply")
    picture = landscape(1, (60, 80))
    write(folder / "photo.png", picture)
    write(folder / "large.png", resize(torch.from_numpy(picture), (180, 240)).numpy())
    write(folder / "other.png", landscape(3, (50, 70), horizon=0.3))
    write(folder / "sunset.png", landscape(9, (70, 90), sky=(0.9, 0.5, 0.3)))
    command = ["transfer", *(str(folder / name) for name in ("photo.png", "sunset.png")), "-o", str(folder / "done.png"), "--save", str(folder / "look.nct")]
    assert main([*command, *SMALL, "--strength", "0.8", "--keep-lightness", "0.3", "--quiet"]) == 0
    return folder


def apply(*arguments: object) -> int:
    return main(["apply", *map(str, arguments)])


def test_the_same_picture_is_recolored_as_it_was(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(folder / "look.nct", folder / "photo.png", "-o", tmp_path / "again.png") == 0
    out, err = capsys.readouterr()
    assert out == "1 picture: 1 recolored\n" and "the same picture" in err
    assert (tmp_path / "again.png").read_bytes() == (folder / "done.png").read_bytes()


def test_any_size_and_other_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (folder / "look.nct", folder / "large.png", folder / "other.png", "-o", tmp_path / "out", "--strength", "1", "--keep-lightness", "0")
    assert apply(*command) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "the same picture" in lines[0] and "another picture: the look" in lines[1]
    transform = ColorTransform.load(folder / "look.nct")
    for name, same in (("large.png", True), ("other.png", False)):
        pixels = to_srgb(read_picture(folder / name).pixels)
        chosen = transform if same else transform.for_other(pixels)
        np.testing.assert_array_equal(read_picture(tmp_path / "out" / name).pixels, from_srgb(chosen.apply(pixels), None, np.uint8))
    assert apply(*command, "--json") == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)["pictures"]] == ["there already", "there already"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert apply(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("nct: error: ") and "expected" in err
    return err


def test_bad_input(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.iterdir())
    look, photo, out = folder / "look.nct", folder / "photo.png", tmp_path / "out.png"
    (tmp_path / "cut.nct").write_bytes(look.read_bytes()[:-9])
    assert "no such file" in refused(capsys, folder / "no.nct", photo, "-o", out)
    assert "it is damaged or of another kind" in refused(capsys, photo, folder / "other.png", "-o", out)
    assert "it is damaged or of another kind" in refused(capsys, tmp_path / "cut.nct", photo, "-o", out)
    assert "expected a folder for the results of several pictures" in refused(capsys, look, photo, folder / "other.png", "-o", out)
    assert "expected a folder for the results of several pictures" in refused(capsys, look, folder, "-o", out)
    assert "got" in refused(capsys, look, photo, "-o", photo)
    assert "choose another folder" in refused(capsys, look, photo, "-o", folder)
    assert "there is no" in refused(capsys, look, photo, "-o", tmp_path / "no" / "out.png")
    assert "no such file" in refused(capsys, look, folder / "no.png", "-o", out).lower()
    assert sorted(folder.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["cut.nct"]
