"""``nct series``: many pictures, the same references."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pictures import landscape

from nct_core import TransferParams, transfer
from nct_core.cli.main import main
from nct_core.files.color_space import to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2"]


def write(path: Path, image: np.ndarray) -> Path:
    write_picture(path, Picture(np.rint(image * 255).astype(np.uint8)))
    return path


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(3):
        write(tmp_path / "in" / f"p{number}.png", landscape(number, (60, 80)))
    return tmp_path / "in"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return write(tmp_path / "sunset.png", landscape(9, (70, 90), sky=(0.9, 0.5, 0.3)))


def series(*arguments: object) -> int:
    return main(["series", *map(str, arguments), *SMALL])


def test_every_picture_is_recolored_as_by_itself(sources: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert series(sources, "--references", reference, "-o", tmp_path / "out", "--name", "{n:02}_{stem}_warm.{ext}") == 0
    out, err = capsys.readouterr()
    assert out == "3 pictures: 3 recolored\n"
    assert [line.split(",")[0].rpartition(": ")[2] for line in err.splitlines()] == ["1 of 3", "2 of 3", "3 of 3"]
    assert "s left" in err.splitlines()[0] and "left" not in err.splitlines()[2]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01_p0_warm.png", "02_p1_warm.png", "03_p2_warm.png"]
    images = [to_srgb(read_picture(path).pixels) for path in (sources / "p2.png", reference)]
    alone = transfer(images[0], images[1:], TransferParams(working_size=64, patchmatch_iterations=2)).image
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "03_p2_warm.png").pixels, np.rint(alone.clip(0, 1) * 255))


def test_what_is_there_is_skipped_and_a_failure_stops_nothing(sources: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    (sources / "p1.png").write_bytes((sources / "p1.png").read_bytes()[:80])
    (sources / "notes.txt").write_text("mixed")
    command = (sources, "--references", reference, "-o", out)
    assert series(*command) == 2
    told = capsys.readouterr()
    assert told.out == "3 pictures: 2 recolored, 1 failed\n"
    assert f"nct: error: {sources / 'p1.png'}: " in told.err and told.err.count("nct: error") == 1
    assert "nct: warning: " in told.err and "1 files are no pictures and are passed over: notes.txt" in told.err
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    assert sorted(before) == ["p0.png", "p2.png"]
    write(sources / "p1.png", landscape(1, (60, 80)))
    assert series(*command, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["pictures"]
    assert [row["status"] for row in rows] == ["there already", "recolored", "there already"]
    assert {name: ((out / name).read_bytes(), (out / name).stat().st_mtime_ns) for name in before} == before
    assert series(*command, "--again", "--quiet") == 0
    assert {name: (out / name).read_bytes() for name in before} == {name: data for name, (data, _) in before.items()}
    assert capsys.readouterr() == ("", "")


def test_shards_share_the_work(sources: Path, reference: Path, tmp_path: Path) -> None:
    found = []
    for part in ("1/2", "2/2"):
        out = tmp_path / part.replace("/", "of")
        assert series(sources, "--references", reference, "-o", out, "--shard", part, "--name", "{n}.png", "--quiet") == 0
        found.append(sorted(path.name for path in out.iterdir()))
    assert found == [["1.png", "3.png"], ["2.png"]]


def test_strength_zero_keeps_the_very_bits(sources: Path, reference: Path, tmp_path: Path) -> None:
    assert series(sources / "p0.png", "--references", reference, "-o", tmp_path / "out", "--strength", "0") == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "p0.png").pixels, read_picture(sources / "p0.png").pixels)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert series(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("nct: error: ") and ("expected" in err or "required" in err)
    return err


def test_bad_input_is_refused_before_any_work(sources: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "other").mkdir()
    twin = write(tmp_path / "other" / "P0.png", landscape(8, (60, 80)))
    end = ("--references", reference, "-o", out)
    assert "expected a folder with pictures" in refused(capsys, empty, *end)
    assert "put {n} into --name" in refused(capsys, sources, twin, *end)
    assert "put {n} into --name" in refused(capsys, sources, *end, "--name", "same.png")
    for name in ("{stem.__class__}.png", "{0}.png", "{}.png", "{stem!r}.png", "{date}.png", "{n:q}.png", "{stem", "../{stem}.png", "", "a/{n}.png"):
        assert "for --name" in refused(capsys, sources, *end, "--name", name)
    assert "ends in .png" in refused(capsys, sources, *end, "--name", "{stem}.gif")
    assert "got a file" in refused(capsys, sources, "--references", reference, "-o", reference)
    assert "which does not exist" in refused(capsys, sources, "--references", reference, "-o", tmp_path / "no" / "out")
    assert "choose another folder" in refused(capsys, sources, "--references", reference, "-o", sources)
    assert "choose another folder" in refused(capsys, sources / "p0.png", *end[:-1], tmp_path, "--name", "sunset.png")
    assert "no such file" in refused(capsys, sources, "--references", tmp_path / "no.png", "-o", out).lower()
    assert "--references" in refused(capsys, sources, "-o", out)
    for shard in ("0/2", "3/2", "1", "a/b", "1/0", "-1/2"):
        assert "--shard" in refused(capsys, sources, *end, f"--shard={shard}")
    assert not out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
@pytest.mark.slow
def test_what_is_ended_in_the_middle_goes_on_with_the_same_files(sources: Path, reference: Path, tmp_path: Path) -> None:
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    assert series(sources, "--references", reference, "-o", whole) == 0
    command = [sys.executable, "-m", "nct_core", "series", sources, "--references", reference, "-o", ended, *SMALL]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 240
        while not (ended / "p0.png").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGTERM)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and errors.endswith("nct: error: interrupted\n")
    left = sorted(path.name for path in ended.iterdir())
    assert left in (["p0.png"], ["p0.png", "p1.png"])
    assert series(sources, "--references", reference, "-o", ended) == 0
    assert {path.name: path.read_bytes() for path in ended.iterdir()} == {path.name: path.read_bytes() for path in whole.iterdir()}
