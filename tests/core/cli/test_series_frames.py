"""``nct series --frames``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import landscape
from refusals import SMALL

from nct_core import Session, TransferParams
from nct_core.cli import batch
from nct_core.cli.main import main
from nct_core.files.color_space import to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture
from nct_core.transform.steady import steadied

FRAMES = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that moves to the left, frames 8 to 11, and a reference beside them."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "frames").mkdir()
    wide = landscape(1, (64, 110))
    for number in range(FRAMES):
        image = wide[:, 2 * number : 2 * number + 96]
        write_picture(folder / "frames" / f"f{8 + number}.png", Picture(np.rint(image * 255).astype(np.uint8)))
    write_picture(folder / "sunset.png", Picture(np.rint(landscape(9, (70, 90), sky=(0.9, 0.5, 0.3)) * 255).astype(np.uint8)))
    return folder


def series(clip: Path, out: Path, *more: str) -> int:
    return main(["series", str(clip / "frames"), "--references", str(clip / "sunset.png"), "-o", str(out), "--frames", *SMALL, *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(clip: Path) -> Path:
    assert series(clip, clip / "whole", "--quiet") == 0
    return clip / "whole"


def test_each_frame_goes_on_from_the_one_before(clip: Path, whole: Path) -> None:
    load = lambda path: to_srgb(read_picture(path).pixels)  # noqa: E731
    session = Session([load(clip / "sunset.png")], TransferParams(working_size=64, patchmatch_iterations=2), device="cpu")
    before = None
    for number in range(8, 8 + FRAMES):  # f8, f9, f10, f11: in the order of their numbers
        frame = load(clip / "frames" / f"f{number}.png")
        before = steadied(session.transfer(frame).transform, before)
        expected = np.rint(before.apply(frame).clip(0, 1) * 255)
        np.testing.assert_array_equal(read_picture(whole / f"f{number}.png").pixels, expected)
    assert sorted(contents(whole)) == ["f10.png", "f11.png", "f8.png", "f9.png"]


@pytest.mark.slow
def test_what_was_interrupted_goes_on_bit_for_bit(clip: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = batch.save_picture, []

    def interrupted(path: Path, picture: Picture) -> None:
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(path)
        save(path, picture)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "save_picture", interrupted)
        assert series(clip, tmp_path / "out") == 130
    assert sorted(contents(tmp_path / "out")) == [".nct-frame-2.nct", ".nct-frame-3.nct", "f8.png", "f9.png"]
    assert series(clip, tmp_path / "out") == 0
    assert contents(tmp_path / "out") == contents(whole)


def test_frames_are_not_shared_among_machines(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert series(clip, tmp_path / "out", "--shard", "1/2") == 2
    assert capsys.readouterr().err.startswith("nct: error: expected --frames without --shard")
    assert not (tmp_path / "out").exists()
