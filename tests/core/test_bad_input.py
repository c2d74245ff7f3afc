"""Bad input through the command line: one line that says what was expected and what came, exit code 2, no file left behind."""

from __future__ import annotations

import shutil
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

from nct_core import images, weights
from nct_core.cli import main
from nct_core.images import Picture

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2"]


def picture(height: int = 32, width: int = 40, channels: int = 3) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.stack([rows, columns, 1 - rows, np.ones_like(rows)][:channels], axis=-1)
    return np.rint(image * 255).astype(np.uint8)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A usable picture in a folder of its own."""
    (tmp_path / "good").mkdir()
    images.write(tmp_path / "good" / "good.png", Picture(picture()[:, ::-1]))
    return tmp_path / "good" / "good.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the output goes."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def refuse(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: object) -> str:
    """Runs ``nct transfer``, checks that it refuses properly and returns its one line."""
    assert main(["transfer", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("nct: error: ")
    assert "Vips" not in err
    assert "expected" in err or "SHA-256" in err
    assert not list(folder.iterdir())
    return err


def not_an_image(path: Path) -> None:
    path.write_text("This is a letter and no picture.\n" * 100)


def bitmap(path: Path) -> None:
    Image.fromarray(picture()).save(path, "BMP")


def header_only(path: Path) -> None:
    images.write(path, Picture(picture()))
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path) -> None:
    path.touch()


def a_folder(path: Path) -> None:
    path.mkdir()


def missing(path: Path) -> None:
    assert not path.exists()


def one_pixel(path: Path) -> None:
    images.write(path, Picture(picture(1, 1)))


def one_row(path: Path) -> None:
    images.write(path, Picture(picture(1, 2000)))


def one_column(path: Path) -> None:
    images.write(path, Picture(picture(2000, 1)))


def transparent(path: Path) -> None:
    images.write(path, Picture(picture(channels=4) * np.array([1, 1, 1, 0], np.uint8)))


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
    (not_an_image, "expected a PNG, TIFF, JPEG or WebP image, got a file of another kind; convert it to one of these first"),
    (bitmap, "expected a PNG, TIFF, JPEG or WebP image, got a file of another kind; convert it to one of these first"),
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
    assert message in refuse(capsys, folder, *pair, "-o", folder / "out.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_truncated(suffix: str, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    images.write(good.with_name(f"whole{suffix}"), Picture(noise))
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
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "cut.tif: expected" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(value: float, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = picture().astype(np.float32) / 255
    pixels[3, 4, :2] = value
    images.write(good.with_name("bad.tif"), Picture(pixels))
    assert "bad.tif: expected finite pixel values, got 2" in refuse(capsys, folder, good.with_name("bad.tif"), good, "-o", folder / "out.tif")
    assert "bad.tif: expected finite pixel values, got 2" in refuse(capsys, folder, good, good.with_name("bad.tif"), "-o", folder / "out.tif")


def test_unsupported_pixels(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture()).convert("CMYK").save(good.with_name("cmyk.jpg"))
    assert "cmyk" in refuse(capsys, folder, good.with_name("cmyk.jpg"), good, "-o", folder / "out.png")
    pyvips.Image.new_from_array(picture()).cast("double").copy(interpretation="srgb").tiffsave(str(good.with_name("double.tif")))
    assert "double.tif: expected" in refuse(capsys, folder, good.with_name("double.tif"), good, "-o", folder / "out.png")


@pytest.mark.parametrize(("make", "message"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
def test_one_bad_file_among_many(make: Callable[[Path], None], message: str, good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references = [good.with_name(f"reference {number}.png") for number in range(1, 6)]
    for number, path in enumerate(references):
        images.write(path, Picture(np.roll(picture(), number, axis=1)))
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
    images.write(good.with_name("copy.tif"), images.read(good))
    assert "the same pixels" in refuse(capsys, folder, good, good.with_name("copy.tif"), "-o", folder / "out.png")


def test_outputs_that_cannot_be_written(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = good.with_name("other.png")
    images.write(other, Picture(picture()))
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
    assert "other than the source" in refuse(capsys, folder, good, other, "-o", good)
    assert "other than the source" in refuse(capsys, folder, good, other, "-o", folder.parent / "out" / ".." / "good" / "other.png")
    (good.parent / "taken.png").mkdir()
    assert "it is a folder" in refuse(capsys, folder, good, other, "-o", good.parent / "taken.png")
    assert good.read_bytes() == before
    wide = good.with_name("wide.png")
    images.write(wide, Picture(picture(2, 16_384)))
    assert "at most 16383 pixels a side for WebP, got 16384 x 2" in refuse(capsys, folder, wide, other, "-o", folder / "out.webp")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which even the superuser cannot create files")
def test_folder_that_cannot_be_written_to(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a folder that can be written to, but no file can be made in /proc" in refuse(capsys, folder, good, good, "-o", "/proc/out.png")


def test_weights(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = good.with_name("other.png")
    images.write(other, Picture(picture()))
    real = weights.find()
    damaged = good.with_name(real.path.name)
    shutil.copyfile(real.path, damaged)
    with open(damaged, "r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    assert "SHA-256" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", damaged)
    damaged.write_bytes(b"short")
    assert "SHA-256" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", damaged)
    assert "there is no such file" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", folder / "none.safetensors")
    assert "got other.png" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", other)


def test_no_such_device(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images.write(good.with_name("other.png"), Picture(picture()))
    assert "'cuda:99'" in refuse(capsys, folder, good, good.with_name("other.png"), "-o", folder / "out.png", "--device", "cuda:99")


OUT_OF_MEMORY = """
import resource, sys, torch, pyvips, nct_core.cli, nct_core.pipeline
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (int(sys.argv.pop(1)) << 20), -1))
sys.exit(nct_core.cli.main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
@pytest.mark.parametrize("mebibytes", [200, 700])  # enough to read the picture or not; in neither case enough to transfer it
def test_out_of_memory(mebibytes: int, good: Path, folder: Path) -> None:
    big = good.with_name("big.png")
    images.write(big, Picture(np.tile(picture(100, 100), (50, 40, 1))))
    command = [sys.executable, "-c", OUT_OF_MEMORY, mebibytes, "transfer", big, good, "-o", folder / "out.png", "--device", "cpu"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "memory" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
def test_more_references_than_memory_has_room_for(good: Path, folder: Path) -> None:
    big = good.with_name("big.png")
    images.write(big, Picture(np.tile(picture(100, 100), (7, 7, 1))))
    command = [sys.executable, "-c", OUT_OF_MEMORY, 1500, "transfer", good, *[big] * 40, "-o", folder / "out.png", "--device", "cpu"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected at most" in done.stderr and "references of this size" in done.stderr and "got 40; use fewer" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        (picture(2, 2000), picture(48, 64)[::-1]),
        (picture(16, 16), picture(16, 16)[::-1]),
        (np.full((40, 50, 3), 77, np.uint8), picture(48, 64)),
        (picture(40, 50, 1), np.full((48, 64, 3), (200, 90, 40), np.uint8)),
    ],
    ids=["strip", "icon", "flat source", "flat reference, grey source"],
)
def test_odd_pictures_work(source: NDArray[np.uint8], reference: NDArray[np.uint8], good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images.write(good.with_name("source.png"), Picture(source))
    images.write(good.with_name("reference.png"), Picture(reference))
    arguments = [good.with_name("source.png"), good.with_name("reference.png"), "-o", folder / "out.png", *SMALL]
    assert main(["transfer", *map(str, arguments)]) == 0
    assert capsys.readouterr().err == ""
    result = images.read(folder / "out.png").pixels
    assert result.shape == source.shape
    assert result.dtype == source.dtype
