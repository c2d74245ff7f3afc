"""What people's files hold, from bug reports of other programs: read as it is meant, or refused with the true reason."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
from pathlib import Path

import icc_profiles
import made_files
import numpy as np
import pytest
import pyvips
from pictures import smooth
from PIL import Image

from nct_core import InputError
from nct_core.files import color_space, kinds, tiff
from nct_core.files.read import read_picture

PIXELS = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def told(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    caplog.clear()
    read_picture(path)
    return " ".join(record.getMessage() for record in caplog.records if record.name == "nct_core.files.read")


# -- formats


@pytest.mark.parametrize(
    ("start", "format"),
    [
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"GIF89a", "GIF"),
        (b"BM\x36\0", "BMP"),
        (b"8BPS\0\1", "PSD"),
        (b"gimp xcf v011", "XCF"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns=", "SVG"),
        (b"\x76\x2f\x31\x01\2", "OpenEXR"),
        (b"MM\0*"[::-1], "a file of another kind"),
        (b"RIFF\0\0\0\0WAVE", "a file of another kind"),
        (b"hello", "a file of another kind"),
        (b"FUJIFILMCCD-RAW", "a camera's raw file"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file"),
    ],
)
def test_another_format_is_named_and_never_decoded(start: bytes, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nct_core.files.read._load", lambda *_: pytest.fail("it was given to a decoder"))
    with pytest.raises(InputError, match=f"expected a PNG, TIFF, JPEG, WebP or AVIF image, got {format}; convert it"):
        read_picture(write(tmp_path / "a.png", start + bytes(100)))


def test_every_readable_format_has_its_decoder() -> None:
    for decoder in kinds.READABLE.values():
        assert pyvips.type_find("VipsOperation", f"{decoder}_source"), decoder


def test_an_avif_is_read_and_its_color_space_honored(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    pyvips.Image.new_from_array(smooth(3, "uint8")).copy(interpretation="srgb").heifsave(str(path), compression="av1", lossless=True)
    picture = read_picture(path)
    assert np.abs(picture.pixels.astype(int) - smooth(3, "uint8")).max() <= 2 and picture.icc_profile is None
    data = path.read_bytes()
    place = data.index(b"colrnclx") + 8
    write(path, data[:place] + struct.pack(">HH", 12, 13) + data[place + 4 :])
    assert_space(read_picture(path).icc_profile, icc_profiles.display_p3())


def test_an_ultra_hdr_jpeg_gives_its_sdr_picture(tmp_path: Path) -> None:
    light = pyvips.Image.new_from_array((smooth(3, "float32") * 4).astype(np.float32)).copy(interpretation="scrgb")
    light.uhdrsave(str(tmp_path / "a.jpg"))
    assert pyvips.Image.new_from_file(str(tmp_path / "a.jpg")).get("vips-loader") == "uhdrload"
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == smooth(3, "uint8").shape and picture.pixels.dtype == np.uint8
    with Image.open(tmp_path / "a.jpg") as expected:
        assert np.abs(picture.pixels.astype(int) - np.asarray(expected)).max() <= 2


@pytest.mark.parametrize("icc", [False, True])
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_converted_with_a_word(suffix: str, icc: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = pyvips.Image.new_from_array(smooth(3, "uint8")).copy(interpretation="srgb").icc_transform("cmyk", intent="relative")
    image = image.copy()
    if not icc:
        image.remove("icc-profile-data")
    image.write_to_file(str(tmp_path / f"a{suffix}"))
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.icc_profile is None and picture.pixels.shape == smooth(3, "uint8").shape
    assert np.abs(picture.pixels.astype(int) - smooth(3, "uint8")).mean() < 20  # less is in the gamut of ink
    assert ("through a common profile" in told(tmp_path / f"a{suffix}", caplog)) == (not icc)


# -- what is missing or hidden


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_read_with_a_word_and_a_truncated_one_refused(progressive: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = made_files.jpeg(PIXELS, progressive=progressive)
    whole = read_picture(write(tmp_path / "whole.jpg", data)).pixels
    path = write(tmp_path / "a.jpg", data[:-2])
    np.testing.assert_array_equal(read_picture(path).pixels, whole)
    assert "lacks its last two bytes" in told(path, caplog)
    for length in (len(data) - 20, len(data) // 2, 700):
        with pytest.raises(InputError, match="got a damaged file"):
            read_picture(write(path, data[:length]))


SUBPICTURE = [(254, 4, [0]), (262, 3, [32803])]
RAWS = {
    "DNG": ([(254, 4, [1]), (330, 4, [-1]), (50706, 1, [1, 4, 0, 0])], [SUBPICTURE]),
    "a thumbnail first": ([(254, 4, [1])], []),
    "a color filter array in a subdirectory": ([(330, 4, [-1])], [SUBPICTURE]),
    "the third of three subdirectories": ([(330, 4, [-1, -2, -3])], [[(262, 3, [2])], [(262, 3, [6])], [(262, 3, [34892])]]),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("raw", RAWS)
def test_a_raw_file_is_refused_and_not_its_thumbnail_read(raw: str, big: bool, order: str, tmp_path: Path) -> None:
    extra, pages = RAWS[raw]
    with pytest.raises(InputError, match="got a camera's raw file"):
        read_picture(write(tmp_path / "a.tif", made_files.tiff(PIXELS, extra, pages, order, big)))
    plain = made_files.tiff(PIXELS, [(330, 4, [-1])], [[(262, 3, [2]), (254, 4, [1])]], order, big)
    np.testing.assert_array_equal(read_picture(write(tmp_path / "a.tif", plain)).pixels, PIXELS)


@pytest.mark.parametrize(("number", "name"), [(50000, "ZSTD"), (34925, "LZMA"), (34887, "LERC")])
def test_a_compression_that_is_not_known_is_named(number: int, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"got TIFF with {name} compression; convert it"):
        read_picture(write(tmp_path / "a.tif", made_files.tiff(PIXELS, [(259, 3, [number])])))


@pytest.mark.parametrize("value", [0, 5, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("big", [False, True])
def test_a_directory_that_lies_nowhere_is_refused(value: int, big: bool, tmp_path: Path) -> None:
    data = bytearray(made_files.tiff(PIXELS, big=big))
    struct.pack_into("<Q" if big else "<I", data, 8 if big else 4, value if big else value & 0xFFFFFFFF)
    with pytest.raises(InputError):
        read_picture(write(tmp_path / "a.tif", bytes(data)))
    assert tiff.without_empty_page(bytes(data)) is None and not tiff.is_raw(bytes(data))


# -- color spaces without an ICC profile


def assert_space(profile: bytes | None, expected: bytes, channels: int = 3) -> None:
    """Two profiles convert alike."""
    assert profile is not None
    probe = np.random.default_rng(0).random((4, 4, channels), np.float32)
    np.testing.assert_allclose(color_space.to_srgb(probe, profile), color_space.to_srgb(probe, expected), atol=2e-4)


CHRM_P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
CHRM_SRGB = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
STATED = {
    "linear": ([(b"gAMA", struct.pack(">I", 100_000))], icc_profiles.linear_srgb()),
    "P3 by primaries": ([(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", CHRM_P3)], icc_profiles.display_p3()),
    "P3 by code": ([(b"cICP", bytes([12, 13, 0, 1]))], icc_profiles.display_p3()),
    "linear by code": ([(b"cICP", bytes([1, 8, 0, 1]))], icc_profiles.linear_srgb()),
    "code before gamma": ([(b"cICP", bytes([12, 13, 0, 1])), (b"gAMA", struct.pack(">I", 100_000))], icc_profiles.display_p3()),
    "sRGB": ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45_455))], None),
    "sRGB by gamma": ([(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", CHRM_SRGB)], None),
    "sRGB by code": ([(b"cICP", bytes([1, 13, 0, 1]))], None),
    "gamma zero": ([(b"gAMA", struct.pack(">I", 0))], None),
}


@pytest.mark.parametrize("stated", STATED)
def test_a_pngs_own_statement_is_honored(stated: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chunks, expected = STATED[stated]
    path = write(tmp_path / "a.png", made_files.png(PIXELS, chunks))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, PIXELS)
    if expected is None:
        assert picture.icc_profile is None
    else:
        assert_space(picture.icc_profile, expected)
    assert told(path, caplog) == ""


def test_a_gray_png_states_its_gamma(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", made_files.png(PIXELS[..., :1].copy(), [(b"gAMA", struct.pack(">I", 50_000))]))
    assert_space(read_picture(path).icc_profile, icc_profiles.gray(icc_profiles.gamma_curve(2.0)), channels=1)


@pytest.mark.parametrize(
    "chunk",
    [(b"cICP", bytes([9, 16, 0, 1])), (b"cICP", bytes([9, 18, 0, 1])), (b"cICP", bytes([1, 13, 1, 0])), (b"cHRM", bytes(32))],
)
def test_a_statement_that_is_not_understood_is_told(chunk: tuple[bytes, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.png", made_files.png(PIXELS, [(b"gAMA", struct.pack(">I", 45_455)), chunk]))
    assert "states a color space that is not known" in told(path, caplog)
    assert read_picture(path).icc_profile is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_adobe_rgb_in_exif_is_honored(order: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", made_files.jpeg(PIXELS, exif=made_files.exif_of_adobe_rgb(order)))
    assert_space(read_picture(path).icc_profile, icc_profiles.adobe_rgb())
    assert read_picture(write(path, made_files.jpeg(PIXELS))).icc_profile is None


def test_animated_png_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1]), Image.fromarray(PIXELS[:, ::-1])]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    path = write(tmp_path / "a.png", file.getvalue())
    np.testing.assert_array_equal(read_picture(path).pixels, PIXELS)
    assert told(path, caplog) == f"{path} has 3 pages or frames; only the first is used"


# -- where it comes from


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
@pytest.mark.parametrize("data", [made_files.png(PIXELS), made_files.tiff(PIXELS)], ids=["PNG", "TIFF"])
def test_a_pipe_is_read(data: bytes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,), daemon=True).start()
    np.testing.assert_array_equal(read_picture(tmp_path / "pipe").pixels, PIXELS)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(write(tmp_path / "a", made_files.jpeg(PIXELS)), "rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert read_picture("-").pixels.shape == PIXELS.shape
        with pytest.raises(InputError, match="got an empty file"):
            read_picture("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="that can be read"):
        read_picture("-")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text_is_opened(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png"))
    np.testing.assert_array_equal(read_picture(write(path, made_files.png(PIXELS))).pixels, PIXELS)
