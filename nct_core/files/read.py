"""Reads image files and applies their EXIF orientation; a file that cannot be read gives an error in plain words."""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import pyvips

from ..contract.errors import InputError
from ..contract.params import MAX_PIXELS, MAX_SIDE
from ..contract.texts import Text
from ..pixels.check import color_channels
from . import kinds, png, profiles, tiff
from .picture import DEFAULT_RESOLUTION, SAMPLES, Picture

log = logging.getLogger(__name__)

Content: TypeAlias = "mmap.mmap | bytes"

STANDARD = Path("-")  # standard input
INTERPRETATIONS = ("srgb", "rgb", "rgb16", "scrgb", "b-w", "grey16")
METADATA = ("exif-", "xmp-data", "iptc-data", "resolution-unit", "png-comment-")

_LARGEST_STREAM = 1 << 32  # bytes that are taken from a pipe
_AVIF_HEAD = 1 << 16  # bytes in which AVIF tells its color space
_JPEG_END = b"\xff\xd9"
_JPEG_FILL = b"\x5a\xa5\x3c" * 64  # of compressed data that says something


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Reads a PNG, TIFF, JPEG, WebP or AVIF file (the first page or frame of several, with a logged warning).

    CMYK becomes sRGB, through the file's own profile or a common one. A color space that the file states without an ICC profile
    becomes an ICC profile.

    Args:
        path: the file, which may be a pipe; "-" is standard input.

    Raises:
        InputError: there is no such file, it is not one of these formats, damaged, truncated, over the stated limits (checked
            before anything is decoded), or its pixels are of an unsupported kind (Lab, 32-bit integer ...).
    """
    path = Path(path)
    with _opened(path) as data:
        kind = _kind(path, data)
        changed = tiff.without_empty_page(data) if kind == "TIFF" else None
        plain = changed is None and not isinstance(data, bytes)
        content = None if plain else changed or bytes(data)  # kept here as long as libvips reads it
        try:
            image = _converted(path, kind, data, _checked(path, _load(kind, path, content)))
            pixels = _decoded(image)
        except pyvips.Error as error:
            if kind != "JPEG" or "premature end" not in str(error):
                raise _unreadable(path, kind, error) from error
            content = bytes(data) + _JPEG_END
            image = _converted(path, kind, data, _without_end(path, content, error))
            pixels = _decoded(image)
    metadata = {name: image.get(name) for name in image.get_fields() if name.startswith(METADATA)}
    if "xmp-data" in metadata:
        metadata["xmp-data"] = re.sub(rb"(tiff:Orientation(?:=\"|>))\d", rb"\g<1>1", metadata["xmp-data"])
    resolution = (image.xres, image.yres) if image.xres != 1 else (DEFAULT_RESOLUTION, DEFAULT_RESOLUTION)  # 1 is libvips' "unknown"
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    return Picture(pixels, profile, metadata, resolution)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Content]:
    """The bytes of a file as a view, or of a pipe.

    Raises:
        InputError: there is no such file, it cannot be read, or is empty.
    """
    with contextlib.ExitStack() as files:
        try:
            file: BinaryIO = sys.stdin.buffer if path == STANDARD else files.enter_context(open(path, "rb"))
            about = os.fstat(file.fileno())
            whole = stat.S_ISREG(about.st_mode) and about.st_size > 0 and path != STANDARD
            data = files.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if whole else file.read(_LARGEST_STREAM)
        except FileNotFoundError as error:
            raise InputError(Text("about", str(path), Text("no_such_file"))) from error
        except (OSError, ValueError, AttributeError) as error:  # the latter two: a name with a zero, no standard input
            if isinstance(error, (IsADirectoryError, PermissionError)) and path.is_dir():  # Windows: PermissionError
                raise InputError(f"{path}: expected an image file, got a folder; choose a file in it") from error
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: expected an image file that can be read, got {reason}; check the path") from error
        if not data:
            raise InputError(f"{path}: expected an image, got an empty file; get it again")
        yield data


def _kind(path: Path, data: Content) -> str:
    """The format.

    Raises:
        InputError: it is none that is read.
    """
    kind = kinds.kind(data[: kinds.BYTES])
    if kind == kinds.RAW or (kind == "TIFF" and tiff.is_raw(data)):
        raise _other_kind(path, Text("raw_file"))
    if kind not in kinds.READABLE:
        raise _other_kind(path, kind or Text("other_kind_of_file"))
    return kind


def _load(kind: str, path: Path, content: bytes | None) -> pyvips.Image:
    """Reads the header with the decoder of the format, never one of libvips' choice; the pixels follow when they are asked for.

    Args:
        content: what to read in place of the file; it must be kept until the pixels are read.
    """
    source = pyvips.Source.new_from_file(library_name(path)) if content is None else pyvips.Source.new_from_memory(content)
    return getattr(pyvips.Image, f"{kinds.READABLE[kind]}_source")(source, access="sequential", fail_on="error")


def library_name(path: Path) -> str | bytes:
    """A file's name as libvips takes it: its bytes, where names are bytes, which need not be text."""
    return os.fsencode(path) if os.name == "posix" else str(path)


def _without_end(path: Path, content: bytes, error: pyvips.Error) -> pyvips.Image:
    """Reads a JPEG file that lacks nothing but its last two bytes, which ``content`` has.

    Raises:
        InputError: it lacks more.
    """
    more = content[: -len(_JPEG_END)] + _JPEG_FILL + _JPEG_END
    try:
        image = _checked(path, _load("JPEG", path, content))
        # A decoder makes up the pixels that are missing. Where none is, it needs nothing of what is put before the end.
        whole = (image - _load("JPEG", path, more)).abs().max() == 0
    except pyvips.Error:
        whole = False
    if not whole:
        raise _unreadable(path, "JPEG", error) from error
    image = _checked(path, _load("JPEG", path, content))
    log.warning("%s lacks its last two bytes, and all of its pixels are there", path)
    return image


def _checked(path: Path, image: pyvips.Image) -> pyvips.Image:
    """An image that may be decoded.

    Raises:
        InputError: it is too large, or its pixels are of an unsupported kind.
    """
    if image.width > MAX_SIDE or image.height > MAX_SIDE or image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{path}: expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 1_000_000} megapixels, "
            f"got {image.width} x {image.height}; scale it down first"
        )
    cmyk = image.interpretation == "cmyk" and image.bands == 4 and image.format in ("uchar", "ushort")
    if not cmyk and (image.format not in SAMPLES or image.interpretation not in INTERPRETATIONS or image.bands > 4):
        kind = f"{image.bands} channels of {image.format} in {image.interpretation}"
        raise InputError(f"{path}: expected gray or RGB pixels of 8, 16 or 32-bit float, got {kind}; convert the file first")
    return image


def _converted(path: Path, kind: str, data: Content, image: pyvips.Image) -> pyvips.Image:
    """The image as gray or RGB, with the profile of its color space if that is not sRGB; tells what is passed over."""
    found = png.chunks(data) if kind == "PNG" else {}
    pages = max(image.get("n-pages") if image.get_typeof("n-pages") else 1, png.frames(found))
    if pages > 1:
        log.warning("%s has %d pages or frames; only the first is used", path, pages)
    has_profile = image.get_typeof("icc-profile-data") != 0
    if image.interpretation == "cmyk":
        log.warning("%s is in CMYK: it is converted to sRGB%s", path, "" if has_profile else " through a common profile, since it has none")
        depth = 16 if image.format == "ushort" else 8
        converted = image.icc_transform("srgb", input_profile="cmyk", embedded=True, intent="relative", depth=depth).copy()
        converted.remove("icc-profile-data")
        return converted
    if has_profile:
        return image
    if b"iCCP" in found:
        log.warning("%s: the ICC profile is damaged: it is passed over and sRGB assumed", path)  # libvips drops it silently
        return image
    try:
        stated = _stated_profile(kind, data, found, image)
    except profiles.Unknown as error:
        log.warning("%s states a color space that is not known (%s): it is passed over and sRGB assumed", path, error)
        return image
    if stated is not None:
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", stated)
    return image


def _stated_profile(kind: str, data: Content, found: dict[bytes, bytes], image: pyvips.Image) -> bytes | None:
    """The color space that a file states without an ICC profile, as an ICC profile; None if it is sRGB."""
    colors = color_channels(image.bands)
    if kind == "PNG" and {b"cICP", b"gAMA", b"sRGB"} & found.keys():
        return png.profile(found, colors)
    if kind == "AVIF" and (place := data.find(b"colrnclx", 0, _AVIF_HEAD)) >= 0:
        primaries, transfer = (int.from_bytes(data[place + start : place + start + 2], "big") for start in (8, 10))
        return profiles.of_code_points(primaries, transfer, colors)
    exif = {name: image.get(f"exif-{name}")[:3] for name in ("ifd2-ColorSpace", "ifd4-InteroperabilityIndex") if image.get_typeof(f"exif-{name}")}
    if colors == 3 and exif.get("ifd4-InteroperabilityIndex") == "R03" and exif.get("ifd2-ColorSpace") != "1 (":  # DCF: Adobe RGB
        return profiles.adobe_rgb()
    return None


def _decoded(image: pyvips.Image) -> np.ndarray:
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        image = image.copy_memory().autorot()
    return np.ndarray(buffer=image.write_to_memory(), dtype=SAMPLES[image.format], shape=(image.height, image.width, image.bands))


def _other_kind(path: Path, came: str) -> InputError:
    return InputError(Text("about", str(path), Text("other_format", came)))


def _unreadable(path: Path, kind: str, error: pyvips.Error) -> InputError:
    """What to raise where the file's format is known and libvips fails to read it."""
    missing = re.search(r"(\S+) compression support is not configured", str(error))
    if missing:
        return _other_kind(path, f"{kind} with {missing[1]} compression")
    return InputError(Text("about", str(path), Text("damaged_file", reason(error))))


def reason(error: pyvips.Error) -> str:
    """The most informative line of libvips' message, without the name of the libvips component."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    telling = re.sub(r"^(\w+: )+", "", lines[-1]) if lines else "no reason given"
    return "its beginning cannot be read" if "VipsForeignLoad" in telling or telling.startswith("unable to call") else telling
