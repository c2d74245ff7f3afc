"""What the command does with pipes, patterns, names and pictures of every kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from refusals import SMALL, picture, refuse

from nct_core.cli.arguments import parse
from nct_core.cli.main import main
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

COMMAND = [sys.executable, "-m", "nct_core", "transfer"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A source and a reference."""
    write_picture(tmp_path / "s.png", Picture(picture(32, 40)))
    write_picture(tmp_path / "r.png", Picture(picture(30, 36)[::-1].copy()))
    return tmp_path / "s.png", tmp_path / "r.png"


def warnings(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    assert main(["transfer", *map(str, arguments), *SMALL, "--json"]) == 0
    told: list[str] = json.loads(capsys.readouterr().out)["warnings"]
    return told


@pytest.mark.slow
def test_pipes_are_read_and_written(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "-", pair[1], "-o", "-", *SMALL], input=pair[0].read_bytes(), capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (tmp_path / "piped.png").write_bytes(done.stdout)
    done = subprocess.run([*COMMAND, *pair, "-o", tmp_path / "plain.png", *SMALL], capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_picture(tmp_path / "piped.png").pixels, read_picture(tmp_path / "plain.png").pixels)


def test_standard_output_does_not_hold_two_things(pair: tuple[Path, Path], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no --json" in refuse(capsys, folder, *pair, "-o", "-", "--json")


def test_a_pattern_that_the_shell_left_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.jpg", "a.jpg", "c.png", "[x].jpg"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)

    def references(*given: str) -> list[str]:
        commands = dict.fromkeys(("transfer", "series", "apply", "analogy", "doctor"), main)
        return [str(path) for path in parse(["transfer", "s.png", *given, "-o", "o.png"], commands).references]

    assert references("?.jpg", "c.png") == ["a.jpg", "b.jpg", "c.png"]
    assert references("[x].jpg") == ["[x].jpg"]  # a file of this name
    assert references("*.tif") == ["*.tif"]  # the error names it
    assert references(str(tmp_path / "?.jpg")) == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]


@pytest.mark.slow
def test_a_gray_source_stays_gray_with_a_word(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "gray.png", Picture(picture(32, 40)[..., :1].copy()))
    assert warnings(capsys, tmp_path / "gray.png", pair[1], "-o", tmp_path / "o.png") == [
        f"{tmp_path / 'gray.png'} is gray and stays gray; save it as RGB first to give it colors"
    ]
    assert read_picture(tmp_path / "o.png").pixels.shape[2] == 1
    write_picture(tmp_path / "gray2.png", Picture(picture(32, 40)[::-1, :, :1].copy()))
    assert warnings(capsys, tmp_path / "gray.png", tmp_path / "gray2.png", "-o", tmp_path / "o.png") == []


@pytest.mark.slow
def test_values_above_white_are_told(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    light = picture(32, 40).astype(np.float32) / 255
    for scale, told in ((4.3, [f"{tmp_path / 'light.tif'} has values above white, up to 4.3: they are taken as white"]), (1.0, [])):
        write_picture(tmp_path / "light.tif", Picture(light * np.float32(scale)))
        assert warnings(capsys, tmp_path / "light.tif", pair[1], "-o", tmp_path / "o.tif") == told


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_names_that_are_no_text_work(pair: tuple[Path, Path], tmp_path: Path) -> None:
    names = [os.fsencode(tmp_path) + name for name in (b"/s\xff.png", b"/o\xfe.png", b"/l\xfd.png")]
    Path(os.fsdecode(names[0])).write_bytes(pair[0].read_bytes())
    done = subprocess.run([*COMMAND, names[0], pair[1], "-o", names[1], "--labels", names[2], *SMALL], capture_output=True, timeout=240)
    assert done.returncode == 0 and b"\\udcfe.png: 40 x 32" in done.stdout, done.stderr
    assert all(Path(os.fsdecode(name)).exists() for name in names)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_result_is_written_leaves_what_was_there(number: int, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The result is large, so that writing it takes long; the signal comes when its temporary file appears."""
    large = np.random.default_rng(0).integers(0, 65536, (3000, 4000, 3)).astype(np.uint16)
    write_picture(tmp_path / "large.tif", Picture(large))
    output = tmp_path / "out.png"
    output.write_bytes(b"before")
    process = subprocess.Popen([*COMMAND, tmp_path / "large.tif", pair[1], "-o", output, *SMALL], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob(".nct-*.png")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    threading.Timer(0.2, process.send_signal, (number,)).start()
    process.communicate(timeout=240)
    assert process.returncode == 130
    assert output.read_bytes() == b"before" and not list(tmp_path.glob(".nct-*"))
