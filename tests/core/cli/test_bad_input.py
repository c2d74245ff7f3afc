"""Bad input through the command line: one line that says what was expected and what came, exit code 2, no file left behind."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from refusals import SMALL, picture, refuse

from nct_core.cli.main import main
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture


def not_an_image(path: Path) -> None:
    path.write_text("This is a letter and no picture.\n" * 100)


def bitmap(path: Path) -> None:
    Image.fromarray(picture()).save(path, "BMP")


def header_only(path: Path) -> None:
    write_picture(path, Picture(picture()))
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path) -> None:
    path.touch()


def a_folder(path: Path) -> None:
    path.mkdir()


def missing(path: Path) -> None:
    assert not path.exists()


def one_pixel(path: Path) -> None:
    write_picture(path, Picture(picture(1, 1)))


def one_row(path: Path) -> None:
    write_picture(path, Picture(picture(1, 2000)))


def one_column(path: Path) -> None:
    write_picture(path, Picture(picture(2000, 1)))


def transparent(path: Path) -> None:
    write_picture(path, Picture(picture(channels=4) * np.array([1, 1, 1, 0], np.uint8)))


def png_header(path: Path, width: int, height: int) -> None:
    """A PNG that claims a size and holds next to nothing: refusing it takes no decoding."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))


def no_pixels(path: Path) -> None:
    png_header(path, 0, 10)


def too_wide(path: Path) -> None:
    png_header(path, 30_001, 10)


def too_many(path: Path) -> None:
    png_header(path, 20_000, 10_001)


BAD_FILES: list[tuple[Callable[[Path], None], str]] = [
    (not_an_image, "expected a PNG, TIFF, JPEG, WebP or AVIF image, got a file of another kind; convert it to one of these first"),
    (bitmap, "expected a PNG, TIFF, JPEG, WebP or AVIF image, got BMP; convert it to one of these first"),
    (header_only, "got a damaged file (its beginning cannot be read); get or save it again"),
    (empty, "an empty file"),
    (a_folder, "expected an image file, got a folder"),
    (missing, "there is no such file; check the path"),
    (no_pixels, "got a damaged file"),
    (one_pixel, "at least 2 pixels a side"),
    (one_row, "at least 2 pixels a side, since a single row or column has no patches to match, got 2000x1"),
    (one_column, "at least 2 pixels a side, since a single row or column has no patches to match, got 1x2000"),
    (too_wide, "at most 30000 pixels a side and 200 megapixels, got 30001 x 10"),
    (too_many, "at most 30000 pixels a side and 200 megapixels, got 20000 x 10001"),
    (transparent, "at least one pixel that is not fully transparent"),
]


@pytest.mark.parametrize("role", ["source", "reference"])
@pytest.mark.parametrize(("make", "message"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
def test_bad_files(make: Callable[[Path], None], message: str, role: str, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = good.with_name("bad.png")
    make(bad)
    pair = (bad, good) if role == "source" else (good, bad)
    line = refuse(capsys, folder, *pair, "-o", folder / "out.png")
    assert message in line and "bad.png" in line


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_truncated(suffix: str, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    write_picture(good.with_name(f"whole{suffix}"), Picture(noise))
    content = good.with_name(f"whole{suffix}").read_bytes()
    for share in (0.3, 0.7, 0.95):
        good.with_name(f"cut{suffix}").write_bytes(content[: int(share * len(content))])
        assert f"cut{suffix}: expected" in refuse(capsys, folder, good.with_name(f"cut{suffix}"), good, "-o", folder / "out.png")


def test_damaged_file_in_a_process_of_its_own(good: Path, folder: Path) -> None:
    # libvips and libtiff have much to say about this file; none of it may reach the user's terminal.
    Image.fromarray(picture()).save(good.with_name("whole.tif"))
    content = good.with_name("whole.tif").read_bytes()
    good.with_name("cut.tif").write_bytes(content[:-500])
    command = [sys.executable, "-m", "nct_core", "transfer", str(good.with_name("cut.tif")), str(good), "-o", str(folder / "out.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "cut.tif: expected" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(value: float, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = picture().astype(np.float32) / 255
    pixels[3, 4, :2] = value
    write_picture(good.with_name("bad.tif"), Picture(pixels))
    assert "bad.tif: expected finite pixel values, got 2" in refuse(capsys, folder, good.with_name("bad.tif"), good, "-o", folder / "out.tif")
    assert "bad.tif: expected finite pixel values, got 2" in refuse(capsys, folder, good, good.with_name("bad.tif"), "-o", folder / "out.tif")


def test_unsupported_pixels(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyvips.Image.new_from_array(picture()).cast("double").copy(interpretation="srgb").tiffsave(str(good.with_name("double.tif")))
    assert "double.tif: expected" in refuse(capsys, folder, good.with_name("double.tif"), good, "-o", folder / "out.png")


@pytest.mark.parametrize(("make", "message"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
def test_one_bad_file_among_many(make: Callable[[Path], None], message: str, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references = [good.with_name(f"reference {number}.png") for number in range(1, 6)]
    for number, path in enumerate(references):
        write_picture(path, Picture(np.roll(picture(), number, axis=1)))
    references[3].unlink()
    make(references[3])
    line = refuse(capsys, folder, good, *references, "-o", folder / "out.png", "--labels", folder / "labels.png", "--maps", folder / "maps")
    assert message in line
    assert "reference 4" in line


def test_no_reference(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", str(good), "-o", str(folder / "out.png")]) == 2
    assert "required: REFERENCE" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_reference_identical_to_the_source(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the same pixels" in refuse(capsys, folder, good, good, "-o", folder / "out.png")
    write_picture(good.with_name("copy.tif"), read_picture(good))
    assert "copy.tif: expected a picture that differs from the source, got the same pixels" in refuse(
        capsys, folder, good, good.with_name("copy.tif"), "-o", folder / "out.png"
    )


@pytest.mark.parametrize(
    ("source", "reference", "warnings"),
    [
        (picture(2, 2000), picture(48, 64)[::-1], []),
        (picture(16, 16), picture(16, 16)[::-1], []),
        (np.full((40, 50, 3), 77, np.uint8), picture(48, 64), []),
        (picture(40, 50, 1), np.full((48, 64, 3), (200, 90, 40), np.uint8), ["is gray and stays gray", "almost a single tone"]),
    ],
    ids=["strip", "icon", "flat source", "flat reference, gray source"],
)
def test_odd_pictures_work(
    source: NDArray[np.uint8], reference: NDArray[np.uint8], warnings: list[str], good: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(good.with_name("source.png"), Picture(source))
    write_picture(good.with_name("reference.png"), Picture(reference))
    arguments = [good.with_name("source.png"), good.with_name("reference.png"), "-o", folder / "out.png", *SMALL]
    assert main(["transfer", *map(str, arguments)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(warnings) and all(line.startswith("nct: warning: ") and words in line for line, words in zip(told, warnings))
    result = read_picture(folder / "out.png").pixels
    assert result.shape == source.shape
    assert result.dtype == source.dtype
