"""``nct transfer --cube`` and ``--hald``, applied by another program: OpenColorIO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PyOpenColorIO
import pytest
from pictures import landscape
from refusals import SMALL, refuse
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core.cli.main import main
from nct_core.files.color_space import to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture


def write(path: Path, image: np.ndarray) -> Path:
    write_picture(path, Picture(np.rint(image * 65535).astype(np.uint16)))
    return path


def test_another_program_gets_as_near_to_the_result_as_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "photo.png", landscape(1, (60, 80)))
    reference = write(tmp_path / "sunset.png", landscape(9, (70, 90), sky=(0.9, 0.5, 0.3)))
    outputs = ["-o", tmp_path / "out.png", "--cube", tmp_path / "f.cube", "--hald", tmp_path / "f.png", "--cube-size", "17"]
    assert main(["transfer", *map(str, (source, reference, *outputs)), *SMALL, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["table"]
    assert told["points"] == 17
    before, result = (to_srgb(read_picture(path).pixels) for path in (source, tmp_path / "out.png"))
    after = before.copy()
    table = PyOpenColorIO.FileTransform(str(tmp_path / "f.cube"), interpolation=PyOpenColorIO.INTERP_LINEAR)
    PyOpenColorIO.Config.CreateRaw().getProcessor(table).getDefaultCPUProcessor().applyRGB(after)
    difference = deltaE_ciede2000(rgb2lab(after), rgb2lab(result))
    assert difference.mean() == pytest.approx(told["mean"], abs=0.05)
    assert np.quantile(difference, 0.95) == pytest.approx(told["percentile95"], abs=0.1)
    assert difference.mean() < 0.5 * deltaE_ciede2000(rgb2lab(before), rgb2lab(result)).mean()
    assert read_picture(tmp_path / "f.png").pixels.shape == (512, 512, 3)
    assert main(["transfer", *map(str, (source, reference, *outputs)), *SMALL]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith(f"{tmp_path / 'f.cube'}: 17 points per channel; differs from the result by CIEDE2000 {told['mean']:.2f} on average")


def test_tables_that_cannot_be_written(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = (good, good, "-o", folder / "out.png")
    assert "ends in .cube" in refuse(capsys, folder, *inputs, "--cube", folder / "f.png")
    assert "ends in .png" in refuse(capsys, folder, *inputs, "--hald", folder / "f.tif")
    assert "ends in .nct" in refuse(capsys, folder, *inputs, "--save", folder / "f.safetensors")
    assert "there is no" in refuse(capsys, folder, *inputs, "--cube", folder / "no" / "f.cube")
    assert "got one twice" in refuse(capsys, folder, *inputs, "--hald", folder / "out.png")
    assert "expected --cube or --hald beside --cube-size" in refuse(capsys, folder, *inputs, "--cube-size", "33")
    for size in ("16", "66", "a", "33.5"):
        assert "expected a whole number between 17 and 65" in refuse(capsys, folder, *inputs, "--cube", folder / "f.cube", "--cube-size", size)
