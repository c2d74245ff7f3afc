"""The command line: the real command on small pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import icc_profiles
import numpy as np
import pytest
from numpy.typing import NDArray

import nct_core
from nct_core import TransferParams
from nct_core.cli.main import main
from nct_core.contract.params import describe
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2"]
COMMAND = [sys.executable, "-m", "nct_core"]


def gradients(height: int, width: int, top: float = 1.0) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([rows, columns, 1 - rows], axis=-1) * top


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A 16-bit AdobeRGB picture with alpha and an 8-bit sRGB one."""
    folder = tmp_path_factory.mktemp("pictures")
    source = np.dstack([gradients(40, 56), np.ones((40, 56))])
    source[:8, :8, 3] = 0
    source[8:16, :8, 3] = 0.5
    write_picture(folder / "source.png", Picture(np.rint(source * 65535).astype(np.uint16), icc_profiles.adobe_rgb()))
    rows, columns = np.mgrid[0:48, 0:30] / 48
    reference = np.stack([0.3 + 0.5 * columns, 0.2 + 0.3 * rows, rows * columns], axis=-1)
    write_picture(folder / "reference.tif", Picture(np.rint(reference * 255).astype(np.uint8)))
    return folder / "source.png", folder / "reference.tif"


def test_a_reference_without_color_is_told_in_one_line(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gray = tmp_path / "gray.png"
    write_picture(gray, Picture(np.rint(np.repeat(gradients(40, 30)[..., :1], 3, axis=2) * 255).astype(np.uint8)))
    told = "The reference has almost no color: the result is gray and takes only its tones"
    for options in ([], ["--json"], ["--quiet"]):
        assert main(["transfer", str(pictures[0]), str(gray), "-o", str(tmp_path / "out.png"), *SMALL, *options]) == 0
        printed, complained = capsys.readouterr()
        assert complained == ("" if "--quiet" in options else f"nct: warning: {told}\n")
        if "--json" in options:
            assert json.loads(printed)["warnings"] == [told]


@pytest.fixture(scope="module")
def run(pictures: tuple[Path, Path]) -> tuple[Path, dict[str, Any]]:
    """One run with every output: their folder and the printed report."""
    folder = pictures[0].parent / "out"
    folder.mkdir()
    extra = ["--correspondences", folder / "matches.npy", "--confidence", folder / "sure.png", "--json", "--bds", "1.5"]
    command = [*COMMAND, "transfer", *pictures, "-o", folder / "result.png", *SMALL, *extra]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    assert done.stderr == ""  # no progress bar either: this is no terminal
    return folder, json.loads(done.stdout)


@pytest.mark.slow
def test_result_keeps_size_depth_alpha_and_profile(pictures: tuple[Path, Path], run: tuple[Path, dict[str, Any]]) -> None:
    source, result = read_picture(pictures[0]), read_picture(run[0] / "result.png")
    assert result.pixels.dtype == np.uint16
    assert result.pixels.shape == source.pixels.shape
    np.testing.assert_array_equal(result.pixels[..., 3], source.pixels[..., 3])
    assert result.icc_profile == icc_profiles.adobe_rgb()
    assert sorted(path.name for path in run[0].iterdir()) == ["matches.npy", "result.png", "sure.png"]


def test_result_is_the_librarys(pictures: tuple[Path, Path], run: tuple[Path, dict[str, Any]]) -> None:
    source, reference = (read_picture(path) for path in pictures)
    params = TransferParams(working_size=64, patchmatch_iterations=2, bds_weight=1.5)
    result = nct_core.transfer(to_srgb(source.pixels, source.icc_profile), [to_srgb(reference.pixels)], params)
    expected = from_srgb(result.image, source.icc_profile, np.uint16)
    np.testing.assert_array_equal(read_picture(run[0] / "result.png").pixels, expected)
    np.testing.assert_array_equal(np.load(run[0] / "matches.npy"), result.correspondences)
    np.testing.assert_array_equal(read_picture(run[0] / "sure.png").pixels[..., 0], np.rint(result.confidence * 255))


def test_matches_are_places_in_the_reference(run: tuple[Path, dict[str, Any]]) -> None:
    matches = np.load(run[0] / "matches.npy")
    assert matches.dtype == np.float32
    assert matches.shape == (40, 56, 2)
    assert (matches >= -0.5).all()
    assert (matches <= np.array([48, 30]) - 0.5).all()


def test_report(run: tuple[Path, dict[str, Any]]) -> None:
    folder, report = run
    assert set(report) == {"output", "size", "backbone", "device", "shares", "seconds", "peak_memory_mib", "warnings"}
    assert report["shares"] == [1.0]
    assert report["output"] == str(folder / "result.png")
    assert report["size"] == [56, 40]
    assert report["backbone"] in ("VGG-16", "VGG-19")
    assert report["device"]
    assert report["peak_memory_mib"] is None or report["peak_memory_mib"] > 100
    assert report["warnings"] == []


@pytest.mark.slow
def test_several_references(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, columns = np.mgrid[0:60, 0:80] / 80
    write_picture(tmp_path / "ö 2.png", Picture(np.rint(np.stack([columns, rows * columns, 0.3 + 0.2 * rows], -1) * 255).astype(np.uint8)))
    outputs = ["-o", tmp_path / "out.png", "--labels", tmp_path / "labels.png", "--maps", tmp_path / "maps"]
    assert main(["transfer", *map(str, (*pictures, tmp_path / "ö 2.png", *outputs)), *SMALL, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["shares"]) == 2 and sum(report["shares"]) == pytest.approx(1, abs=1e-3)
    sheet = read_picture(tmp_path / "labels.png").pixels
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3 and min(sheet.shape[:2]) > 100
    names = {path.name for path in (tmp_path / "maps").iterdir()}
    assert {f"{level}-{what}.png" for level in range(1, 6) for what in ("guidance", "confidence", "labels", "slope", "result")} < names
    assert main(["transfer", *map(str, (*pictures, tmp_path / "ö 2.png", *outputs[:2])), *SMALL]) == 0
    assert f"; reference.tif {100 * report['shares'][0]:.0f} %, ö 2.png {100 * report['shares'][1]:.0f} %" in capsys.readouterr().out


def test_matches_in_a_reference_that_gave_no_color_are_announced(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # One that has next to nothing of the source against one that has all of it.
    fitting = tmp_path / "fitting.png"
    write_picture(fitting, Picture(read_picture(pictures[0]).pixels[..., ::-1][..., 1:].copy()))
    empty = tmp_path / "nothing.png"
    write_picture(empty, Picture(np.full((40, 40, 3), 128, np.uint8)))
    outputs = ["-o", tmp_path / "out.png", "--correspondences", tmp_path / "m.npy"]
    assert main(["transfer", *map(str, (pictures[0], empty, fitting, *outputs)), *SMALL, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["shares"] == [0.0, 1.0]
    assert report["warnings"] == [f"{empty} gave no color, and --correspondences are its matches; name another reference first"]


def test_names_of_any_language(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "Übergröße 木"
    folder.mkdir()
    for path in pictures:
        (folder / f"é{path.name}").write_bytes(path.read_bytes())
    names = ["out.png", "matches.npy", "sure.png", "labels.png", "maps"]
    options = ["-o", "--correspondences", "--confidence", "--labels", "--maps"]
    outputs = [part for option, name in zip(options, names) for part in (option, str(folder / name))]
    assert main(["transfer", *(str(folder / f"é{path.name}") for path in pictures), *outputs, *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == str(folder / "out.png")
    assert {path.name for path in folder.iterdir()} == {*names, *(f"é{path.name}" for path in pictures)}


def test_what_the_format_cannot_hold_is_announced(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *map(str, pictures), "-o", str(tmp_path / "a.jpg"), *SMALL, "--json"]) == 0
    out, err = capsys.readouterr()
    warnings = json.loads(out)["warnings"]
    assert [warning.split(" ")[0:2] for warning in warnings] == [["JPEG", "holds"], ["JPEG", "has"]]
    assert [line.removeprefix("nct: warning: ") for line in err.splitlines()] == warnings
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (40, 56, 3)


def test_strength_0_keeps_the_source(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # --quiet prints nothing, and an output that exists is replaced.
    (tmp_path / "a.png").write_bytes(b"before")
    assert main(["transfer", *map(str, pictures), "-o", str(tmp_path / "a.png"), *SMALL, "--strength", "0", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    source, result = (read_picture(path).pixels.astype(int) for path in (pictures[0], tmp_path / "a.png"))
    assert np.abs(result - source).max() <= 128  # half an 8-bit step


def test_every_parameter_is_an_option_with_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    names = {"bds_weight": "--bds"}
    for parameter in describe():
        assert names.get(parameter.name, "--" + parameter.name.replace("_", "-")) + " " in text
        assert f"default {parameter.default:g}" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nct {nct_core.__version__}\n"


def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert {"torch", "Backbone", "SHA-256", "Worker"} <= {row["what"] for row in report["rows"]}
    assert code == int(report["problems"] > 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["transfer", "--help"],
        ["transfer", "a.png", "b.png"],
        ["transfer", "no.png", "no.png", "-o", "x.png"],
        ["series", "no.png", "--references", "no.png", "-o", "x"],
        ["apply", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_errors_do_not_load_torch(arguments: list[str]) -> None:
    code = "import atexit, sys, nct_core.cli.main; atexit.register(lambda: print('torch' in sys.modules)); sys.exit(nct_core.cli.main.main())"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == (0 if "--help" in arguments else 2)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["transmute"], "invalid choice"),
        (["transfer", "{source}", "-o", "{out}"], "required: REFERENCE"),
        (["transfer", "{source}", "{reference}"], "required: -o/--output"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--strength", "much"], "--strength: expected a number between 0 and 1, got 'much'"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--strength", "0,5"], "--strength: expected a number between 0 and 1, got '0,5'"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--seed", "1.5"], "--seed: expected a whole number between 0 and 2147483647, got '1.5'"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--seed", "2147483648"], "--seed: must lie between 0 and 2147483647, got 2147483648"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--seed", "1" + "0" * 400], "--seed: must lie between 0 and 2147483647, got 1000"),
        (["transfer", "-weird.png", "{reference}", "-o", "{out}"], "needs './' in front: ./-weird.png"),
        (["transfer", "", "{reference}", "-o", "{out}"], "SOURCE: expected a file name, got an empty one"),
        (["transfer", "{source}", "https://example.org/a.png", "-o", "{out}"], "got the address 'https://example.org/a.png'; download it first"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--strength", "1.5"], "--strength: must lie between 0 and 1, got 1.5"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--bds", "nan"], "--bds: must lie between 0 and 4, got nan"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--working-size", "9"], "--working-size: must lie between 64 and 2000, got 9"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--device", "tpu"], "expected auto, cpu, cuda, cuda:N or mps, got 'tpu'"),
        (["transfer", "{source}", "{reference}", "-o", "{out}", "--str", "1"], "unrecognized arguments: --str"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"{source}": str(pictures[0]), "{reference}": str(pictures[1]), "{out}": str(tmp_path / "out.png")}
    assert main([names.get(argument, argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nct: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


def test_an_unexpected_error_is_one_line_and_debug_shows_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(path: Path) -> Picture:
        raise RuntimeError("a defect\nin two lines")

    monkeypatch.setattr("nct_core.files.read.read_picture", broken)
    arguments = ["transfer", "a.png", "b.png", "-o", str(tmp_path / "out.png")]
    assert main(arguments) == 1
    assert capsys.readouterr().err == "nct: error: unexpected RuntimeError: a defect in two lines; run again with --debug for the traceback\n"
    assert main([*arguments, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_without_room_for_the_last_file_none_is_left(pictures: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import resource

    matches = tmp_path / "matches.npy"  # 40 x 56 x 2 x 4 bytes; the picture takes less
    arguments = ["transfer", *map(str, pictures), "-o", str(tmp_path / "a.jpg"), "--correspondences", str(matches), *SMALL, "--quiet"]
    assert main(arguments) == 0
    names = {tmp_path / "a.jpg", matches}
    assert set(tmp_path.iterdir()) == names
    assert (tmp_path / "a.jpg").stat().st_size < 12_000 < matches.stat().st_size
    for name in names:
        name.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))
    try:
        assert main(arguments) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "matches.npy: expected to write the file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


INTERRUPTED_IMPORT = """
import signal, sys, nct_core.cli.main

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "torch._C":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
sys.exit(nct_core.cli.main.main())
"""


@pytest.mark.slow
def test_interruption_while_torch_is_loaded(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, "transfer", *pictures, "-o", tmp_path / "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "nct: error: interrupted\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_on_a_terminal_and_interruption(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    controller, terminal = os.openpty()
    process = subprocess.Popen([*COMMAND, "transfer", *pictures, "-o", tmp_path / "out.png"], stderr=terminal, stdout=subprocess.PIPE)
    os.close(terminal)
    shown = b""
    while b"Matching" not in shown:
        shown += os.read(controller, 4096)
    process.send_signal(signal.SIGINT)
    try:
        while part := os.read(controller, 4096):
            shown += part
    except OSError:  # Linux reports the closed terminal as an error
        pass
    out, _ = process.communicate(timeout=240)
    os.close(controller)
    assert process.returncode == 130
    assert out == b""
    assert shown.rstrip().endswith(b"nct: error: interrupted")
    assert b"%" in shown
    assert not list(tmp_path.iterdir())
