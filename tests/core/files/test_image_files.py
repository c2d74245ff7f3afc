"""Image files: what is read, written and refused."""

from __future__ import annotations

import os
import signal
import stat
import struct
import sys
import threading
from pathlib import Path

import icc_profiles
import numpy as np
import pytest
import pyvips
from pictures import smooth
from PIL import Image

from nct_core import InputError
from nct_core.files.color_space import to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.replace import replacing
from nct_core.files.write import storable_dtype, write_picture

LOSSY = {".jpg": 4.0, ".webp": 6.0}  # mean absolute error on smooth pictures, in code values


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("suffix", "dtype"), [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tiff", "uint16"), (".tif", "float32")])
def test_lossless_formats_give_the_pixels_and_the_profile_back(tmp_path: Path, suffix: str, dtype: str, channels: int) -> None:
    pixels = smooth(channels, dtype)
    profile = icc_profiles.adobe_rgb() if channels > 2 else icc_profiles.gray(icc_profiles.gamma_curve(2.2))
    write_picture(tmp_path / f"a{suffix}", Picture(pixels, profile, resolution=(11.811, 11.811)))
    back = read_picture(tmp_path / f"a{suffix}")
    assert back.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.icc_profile == profile
    assert back.resolution == pytest.approx((11.811, 11.811), rel=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_formats_stay_near(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = smooth(channels, "uint8", 64, 96)
    write_picture(tmp_path / f"a{suffix}", Picture(pixels, icc_profiles.display_p3() if channels == 3 else None))
    back = read_picture(tmp_path / f"a{suffix}")
    assert back.pixels.shape[2] == (3 if suffix == ".webp" else channels)
    assert np.abs(back.pixels.astype(float) - pixels).mean() < LOSSY[suffix]
    assert back.icc_profile == (icc_profiles.display_p3() if channels == 3 else None)


def test_jpeg_keeps_color_at_full_resolution(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", Picture(smooth(3, "uint8", 64, 64)))
    assert pyvips.Image.new_from_file(str(tmp_path / "a.jpg")).get("jpeg-chroma-subsample") == "4:4:4"


def test_jpeg_lays_transparent_parts_over_white(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.full((16, 16, 4), (200, 100, 50, 255), np.uint8)
    write_picture(tmp_path / "opaque.jpg", Picture(pixels))
    assert not caplog.records
    pixels[:, 8:, 3] = 0
    write_picture(tmp_path / "cut.jpg", Picture(pixels))
    back = read_picture(tmp_path / "cut.jpg").pixels
    assert back.shape == (16, 16, 3)
    np.testing.assert_allclose(back[:, 8:], 255, atol=2)
    np.testing.assert_allclose(back[:, :7], np.broadcast_to((200, 100, 50), (16, 7, 3)), atol=3)
    assert "over white" in caplog.text


def test_webp_has_no_gray_profile(tmp_path: Path) -> None:
    profile = icc_profiles.gray(icc_profiles.gamma_curve(1.0))
    write_picture(tmp_path / "a.webp", Picture(np.full((16, 16, 1), 128, np.uint8), profile))
    back = read_picture(tmp_path / "a.webp")
    assert back.icc_profile is None
    # Linear light 128/255 is 188/255 in sRGB.
    np.testing.assert_allclose(back.pixels, 188, atol=1)


def test_premultiplied_alpha_in_tiff_is_undone(tmp_path: Path) -> None:
    pixels = np.full((16, 16, 4), (200, 100, 50, 128), np.uint8)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "a.tif"), premultiply=True)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, pixels, atol=1)


def test_thumbnail_of_the_old_colors_is_dropped(tmp_path: Path) -> None:
    thumbnail = pyvips.Image.new_from_array(smooth(3, "uint8")).copy(interpretation="srgb").jpegsave_buffer()
    image = pyvips.Image.new_from_array(smooth(3, "uint8", 64, 64)).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", thumbnail)
    image.jpegsave(str(tmp_path / "in.jpg"))
    assert thumbnail in (tmp_path / "in.jpg").read_bytes()
    for suffix in (".jpg", ".png", ".webp"):
        write_picture(tmp_path / f"out{suffix}", read_picture(tmp_path / "in.jpg"))
        assert thumbnail not in (tmp_path / f"out{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation_is_applied_and_reset(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:20, :32] = 255  # the bright quarter is at the top left as stored, at the top right once turned
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:02 03:04:05"
    Image.fromarray(pixels).save(tmp_path / f"in{suffix}", exif=exif)
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.pixels.shape == (64, 40, 3)
    assert picture.pixels[8, 32].min() > 240
    assert picture.pixels[8, 8].max() < 15
    write_picture(tmp_path / f"out{suffix}", picture)
    with Image.open(tmp_path / f"out{suffix}") as out:
        assert out.size == (40, 64)
        assert out.getexif().get(0x0112, 1) == 1
        if suffix != ".tif":
            assert out.getexif()[0x010F] == "A maker"
            assert out.getexif().get_ifd(0x8769)[0x9003] == "2024:01:02 03:04:05"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_no_exif_data_are_made_up(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(smooth(3, "uint8"), icc_profiles.display_p3()))
    with Image.open(tmp_path / f"a{suffix}") as out:
        assert "exif" not in out.info
        assert out.info["icc_profile"] == icc_profiles.display_p3()
        assert out.info.get("dpi", (72, 72)) == pytest.approx((72, 72), abs=0.012)
    if suffix != ".webp":  # libvips does not read a WebP file's
        write_picture(tmp_path / f"b{suffix}", Picture(smooth(3, "uint8"), resolution=(11.811, 11.811)))
        assert read_picture(tmp_path / f"b{suffix}").resolution == pytest.approx((11.811, 11.811), rel=1e-3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_damaged_profile_is_announced(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    # libvips drops the one of a PNG file without a word.
    Image.fromarray(smooth(3, "uint8")).save(tmp_path / f"a{suffix}", icc_profile=b"no profile" * 30)
    picture = read_picture(tmp_path / f"a{suffix}")
    to_srgb(picture.pixels, picture.icc_profile)
    assert [record.getMessage().count("sRGB assumed") for record in caplog.records if record.name.startswith("nct_core")] == [1]
    caplog.clear()
    Image.fromarray(smooth(3, "uint8")).save(tmp_path / f"b{suffix}")
    read_picture(tmp_path / f"b{suffix}")
    assert not [record for record in caplog.records if record.name.startswith("nct_core")]


def test_exif_that_tiff_cannot_hold_is_announced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    Image.fromarray(smooth(3, "uint8")).save(tmp_path / "in.jpg", exif=exif)
    write_picture(tmp_path / "out.tif", read_picture(tmp_path / "in.jpg"))
    assert "EXIF" in caplog.text


def test_orientation_in_xmp_is_reset(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:creator="me"/></x:xmpmeta>'
    image = pyvips.Image.new_from_array(smooth(3, "uint8")).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp)
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.jpegsave(str(tmp_path / "in.jpg"))
    write_picture(tmp_path / "out.jpg", read_picture(tmp_path / "in.jpg"))
    kept = pyvips.Image.new_from_file(str(tmp_path / "out.jpg")).get("xmp-data")
    assert b'tiff:Orientation="1"' in kept
    assert b'dc:creator="me"' in kept


def test_palette_and_bilevel_files_are_read_as_rgb_and_gray(tmp_path: Path) -> None:
    Image.fromarray(smooth(3, "uint8")).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(smooth(1, "uint8")[..., 0]).convert("1").save(tmp_path / "bilevel.tif")
    assert read_picture(tmp_path / "palette.png").pixels.shape == (24, 31, 3)
    bilevel = read_picture(tmp_path / "bilevel.tif").pixels
    assert bilevel.shape == (24, 31, 1)
    assert set(np.unique(bilevel)) == {0, 255}


def test_names_with_brackets_and_accents(tmp_path: Path) -> None:
    pixels = smooth(3, "uint8")
    write_picture(tmp_path / "é[1].png", Picture(pixels))
    np.testing.assert_array_equal(read_picture(tmp_path / "é[1].png").pixels, pixels)


def test_first_page_of_several(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Image.fromarray(smooth(3, "uint8")), Image.fromarray(smooth(3, "uint8")[::-1].copy())
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_picture(tmp_path / "pages.tif").pixels, smooth(3, "uint8"))
    assert "2 pages" in caplog.text


def _lab(path: Path) -> None:
    pyvips.Image.new_from_array(smooth(3, "uint8")).copy(interpretation="srgb").colourspace("lab").tiffsave(str(path))


def _whole_numbers(path: Path) -> None:
    pyvips.Image.new_from_array(smooth(3, "uint8")).cast("uint").copy(interpretation="rgb").tiffsave(str(path))


def _gif(path: Path) -> None:
    Image.fromarray(smooth(3, "uint8")).save(path, "GIF")


@pytest.mark.parametrize(("make", "came"), [(_lab, "lab"), (_whole_numbers, "uint"), (_gif, "GIF")])
def test_other_kinds_of_pixels_are_refused(tmp_path: Path, make: object, came: str) -> None:
    assert callable(make)
    make(tmp_path / "a.tif")
    with pytest.raises(InputError, match=f"expected .*got .*{came}"):
        read_picture(tmp_path / "a.tif")


# -- color spaces


def test_an_existing_file_is_replaced_and_a_failure_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    with pytest.raises(InputError, match="expected to write"), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"before"
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    write_picture(path, Picture(smooth(3, "uint8")))
    assert read_picture(path).pixels.shape == (24, 31, 3)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and permission bits")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_an_existing_file_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    path.chmod(mode)
    with replacing(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        pyvips.Image.new_from_array(smooth(3, "uint8")).pngsave(str(temporary))
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_bytes().startswith(b"\x89PNG")


def test_writing_ends_when_it_is_interrupted(tmp_path: Path) -> None:
    """A signal that comes while libvips encodes: it stops, and nothing is replaced or left."""
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    pixels = np.random.default_rng(0).integers(0, 65536, (3000, 3000, 3)).astype(np.uint16)
    main = threading.get_ident()
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        write_picture(path, Picture(pixels))
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text_is_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png"))
    write_picture(path, Picture(smooth(3, "uint8")))
    np.testing.assert_array_equal(read_picture(path).pixels, smooth(3, "uint8"))


def test_links_are_followed_and_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "there" / "real.png")
    write_picture(tmp_path / "link.png", Picture(smooth(3, "uint8")))
    assert (tmp_path / "link.png").is_symlink()
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE((tmp_path / "there" / "real.png").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_depth_is_kept_where_the_format_can(caplog: pytest.LogCaptureFixture) -> None:
    assert storable_dtype("a.png", np.dtype("uint16")) == np.uint16
    assert storable_dtype("a.tif", np.dtype("float32")) == np.float32
    assert not caplog.records
    assert storable_dtype("a.png", np.dtype("float32")) == np.uint16
    assert storable_dtype("a.jpg", np.dtype("uint16")) == np.uint8
    assert [record.getMessage().split()[0] for record in caplog.records] == ["PNG", "JPEG"]


def test_pixels_that_a_format_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected pixels of uint8 for JPEG, got uint16"):
        write_picture(tmp_path / "a.jpg", Picture(smooth(3, "uint16")))
    with pytest.raises(InputError, match="at most 16383 pixels a side for WebP, got 16384 x 2"):
        write_picture(tmp_path / "a.webp", Picture(np.zeros((2, 16384, 3), np.uint8)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_second_tiff_page_without_an_image_is_passed_over(tmp_path, order, big):
    """What GIMP 3.2 exports: a thumbnail's directory that holds no image."""
    tifffile = pytest.importorskip("tifffile")
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, pixels, byteorder=order, bigtiff=big)
    data = bytearray(path.read_bytes())
    offset, count, entry, first = (f"{order}Q", f"{order}Q", 20, 8) if big else (f"{order}I", f"{order}H", 12, 4)
    directory = struct.unpack_from(offset, data, first)[0]
    link = directory + struct.calcsize(count) + struct.unpack_from(count, data, directory)[0] * entry
    struct.pack_into(offset, data, link, len(data))
    data += struct.pack(count, 1) + struct.pack(f"{order}HH", 254, 4) + (struct.pack(f"{order}QQ", 1, 1) if big else struct.pack(f"{order}II", 1, 1))
    data += struct.pack(offset, 0)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_picture(path).pixels, pixels)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError):
        read_picture(path)
