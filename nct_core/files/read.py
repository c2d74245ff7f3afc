"""Reads image files and applies their EXIF orientation; a file that cannot be read gives an error in plain words."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import numpy as np
import pyvips

from ..contract.errors import InputError
from ..contract.params import MAX_PIXELS, MAX_SIDE
from ..contract.texts import Text
from . import tiff
from .picture import DEFAULT_RESOLUTION, SAMPLES, Picture

log = logging.getLogger(__name__)

LOADERS = {"pngload_source": "PNG", "tiffload_source": "TIFF", "jpegload_source": "JPEG", "webpload_source": "WebP"}
INTERPRETATIONS = ("srgb", "rgb", "rgb16", "scrgb", "b-w", "grey16")
METADATA = ("exif-", "xmp-data", "iptc-data", "resolution-unit", "png-comment-")


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Reads a PNG, TIFF, JPEG or WebP file (the first page or frame of several, with a logged warning).

    Raises:
        InputError: there is no such file, it is not one of these formats, damaged, truncated, over the stated limits (checked
            before anything is decoded), or its pixels are of an unsupported kind (CMYK, Lab, 32-bit integer ...).
    """
    path = Path(path)
    image = _open(path)
    if image.width > MAX_SIDE or image.height > MAX_SIDE or image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{path}: expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 1_000_000} megapixels, "
            f"got {image.width} x {image.height}; scale it down first"
        )
    if image.format not in SAMPLES or image.interpretation not in INTERPRETATIONS or image.bands > 4:
        kind = f"{image.bands} channels of {image.format} in {image.interpretation}"
        raise InputError(f"{path}: expected gray or RGB pixels of 8, 16 or 32-bit float, got {kind}; convert the file first")
    if image.get_typeof("n-pages") and image.get("n-pages") > 1:
        log.warning("%s has %d pages or frames; only the first is used", path, image.get("n-pages"))
    try:
        if image.get_typeof("orientation") and image.get("orientation") != 1:
            image = image.copy_memory().autorot()
        pixels = np.ndarray(buffer=image.write_to_memory(), dtype=SAMPLES[image.format], shape=(image.height, image.width, image.bands))
    except pyvips.Error as error:
        raise _unreadable(path, error) from error
    metadata = {name: image.get(name) for name in image.get_fields() if name.startswith(METADATA)}
    if "xmp-data" in metadata:
        metadata["xmp-data"] = re.sub(rb"(tiff:Orientation(?:=\"|>))\d", rb"\g<1>1", metadata["xmp-data"])
    resolution = (image.xres, image.yres) if image.xres != 1 else (DEFAULT_RESOLUTION, DEFAULT_RESOLUTION)  # 1 is libvips' "unknown"
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    return Picture(pixels, profile, metadata, resolution)


def _open(path: Path) -> pyvips.Image:
    """Reads the header of a PNG, TIFF, JPEG or WebP file; the pixels follow when they are asked for.

    Raises:
        InputError: there is no such file, it cannot be read or is not one of these formats.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        raise InputError(Text("about", str(path), Text("no_such_file"))) from error
    except OSError as error:
        if isinstance(error, (IsADirectoryError, PermissionError)) and path.is_dir():  # Windows: PermissionError
            raise InputError(f"{path}: expected an image file, got a folder; choose a file in it") from error
        raise InputError(f"{path}: expected an image file that can be read, got {error.strerror or error}; check the path") from error
    if not start:
        raise InputError(f"{path}: expected an image, got an empty file; get it again")
    try:
        image = _open_strictly(path)
    except pyvips.Error as error:
        if "known format" in str(error):
            raise _other_kind(path, Text("other_kind_of_file")) from error
        raise _unreadable(path, error) from error
    loader = image.get("vips-loader")
    if loader not in LOADERS:
        raise _other_kind(path, loader.split("load")[0].upper())
    if LOADERS[loader] == "PNG" and not image.get_typeof("icc-profile-data") and _png_has_profile(path):
        log.warning("%s: the ICC profile is damaged: it is passed over and sRGB assumed", path)
    return image


def _open_strictly(path: Path) -> pyvips.Image:
    changed = tiff.without_empty_page(path)
    source = pyvips.Source.new_from_file(str(path)) if changed is None else pyvips.Source.new_from_memory(changed)
    return pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error")


def _png_has_profile(path: Path) -> bool:
    """Whether a PNG file has an ICC profile; libvips drops a damaged one silently."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            if head[4:] == b"iCCP":
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)  # 4: the checksum
    return False


def _other_kind(path: Path, came: str) -> InputError:
    return InputError(Text("about", str(path), Text("other_format", came)))


def _unreadable(path: Path, error: pyvips.Error) -> InputError:
    """What to raise where the file's format is known and libvips fails to read it."""
    return InputError(Text("about", str(path), Text("damaged_file", reason(error))))


def reason(error: pyvips.Error) -> str:
    """The most informative line of libvips' message, without the name of the libvips component."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    telling = re.sub(r"^(\w+: )+", "", lines[-1]) if lines else "no reason given"
    return "its beginning cannot be read" if "VipsForeignLoad" in telling else telling
