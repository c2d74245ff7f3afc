"""The examples of docs/scripting.md in a real GIMP."""

from __future__ import annotations

import os
import re
import sys

import numpy as np
import pytest
from gimp_session import PROJECT, TIMEOUT_SECONDS, Gimp
from pictures import blobs

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

pytestmark = pytest.mark.gimp

SHAPE = (64, 96)


def batch(gimp: Gimp, interpreter: str, code: str, **variables: str) -> str:
    """What GIMP says to a batch command."""
    command = [gimp.host.console, "-i", "--quit", f"--batch-interpreter={interpreter}", "-b", code]
    done = gimp.host.run(command, binds=[gimp.home, PROJECT], outer=[sys.executable], env={"HOME": str(gimp.home), **variables}, timeout=TIMEOUT_SECONDS)
    return done.stdout + done.stderr


def expected(source: np.ndarray, reference: np.ndarray) -> np.ndarray:
    result = nct_core.transfer(to_srgb(source), [to_srgb(reference)], nct_core.TransferParams(strength=0.8))
    return from_srgb(result.image, None, np.uint8)


def test_a_whole_folder(gimp: Gimp) -> None:
    folder, results, reference = gimp.home / "holiday", gimp.home / "recolored", gimp.home / "colors.png"
    for made in (folder, results):
        made.mkdir()
    colors = (blobs(9, SHAPE) * 0.5).astype(np.uint8)
    write_picture(reference, Picture(colors))
    sources = {name: blobs(seed, SHAPE) for seed, name in enumerate(("a.jpg", "a.png", "b.png"))}
    for name, pixels in sources.items():
        write_picture(folder / name, Picture(pixels))
    (folder / "bad.jpg").write_text("no picture")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no picture")
    code = f"exec(open({os.fspath(PROJECT / 'docs' / 'recolor_folder.py')!r}).read())"
    said = batch(gimp, "python-fu-eval", code, FOLDER=str(folder), REFERENCE=str(reference), RESULTS=str(results))
    for number, name in ((1, "a.jpg"), (2, "a.png"), (3, "b.png")):
        assert f"{number} of 5: {name}: Used: colors.png 100 %" in said, said
    for number, name in ((4, "bad.jpg"), (5, "broken.png")):
        assert re.search(f"{number} of 5: {name}: .", said), said
    assert "out of range" not in said, "that there is no layer among the references is nothing to warn of"
    assert sorted(path.name for path in results.iterdir()) == ["a.jpg.png", "a.png.png", "b.png.png"]
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read_picture(results / f"{name}.png").pixels[..., :3], expected(sources[name], colors))


def test_script_fu(gimp: Gimp) -> None:
    source, reference, result = (gimp.home / f"script-fu-{name}.png" for name in ("source", "reference", "result"))
    colors = (blobs(9, SHAPE) * 0.5).astype(np.uint8)
    write_picture(source, Picture(blobs(0, SHAPE)))
    write_picture(reference, Picture(colors))
    code = f"""
    (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{source}"))) (layer (vector-ref (car (gimp-image-get-layers image)) 0)))
      (python-fu-neural-color-transfer #:image image #:drawables (vector layer) #:reference-files (list "{reference}") #:strength 0.8)
      (gimp-file-save RUN-NONINTERACTIVE image "{result}"))
    """
    said = batch(gimp, "plug-in-script-fu-eval", code)
    assert result.is_file(), said
    np.testing.assert_array_equal(read_picture(result).pixels[..., :3], expected(blobs(0, SHAPE), colors))
