"""Opens image files, with plain words for those that cannot be read."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pyvips

from . import tiff
from .errors import InputError

log = logging.getLogger(__name__)

LOADERS = {"pngload_source": "PNG", "tiffload_source": "TIFF", "jpegload_source": "JPEG", "webpload_source": "WebP"}


def open_image(path: Path) -> pyvips.Image:
    """Reads the header of a PNG, TIFF, JPEG or WebP file; the pixels follow when they are asked for.

    Raises:
        InputError: there is no such file, it cannot be read or is not one of these formats.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected an image file, but there is no such file; check the path") from error
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
            raise _other_kind(path, "a file of another kind") from error
        raise unreadable(path, error) from error
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
    """Whether a PNG file has an ICC profile, which libvips drops without a word where it is damaged."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            if head[4:] == b"iCCP":
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)  # 4: the checksum
    return False


def _other_kind(path: Path, came: str) -> InputError:
    return InputError(f"{path}: expected a PNG, TIFF, JPEG or WebP image, got {came}; convert it to one of these first")


def unreadable(path: Path, error: pyvips.Error) -> InputError:
    """What to raise where the file's format is known and libvips fails to read it."""
    return InputError(f"{path}: expected a whole PNG, TIFF, JPEG or WebP image, got a damaged file ({reason(error)}); get or save it again")


def reason(error: pyvips.Error) -> str:
    """The most telling line of libvips' message, without the name of libvips' part that says it."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    telling = re.sub(r"^(\w+: )+", "", lines[-1]) if lines else "no reason given"
    return "its beginning cannot be read" if "VipsForeignLoad" in telling else telling
