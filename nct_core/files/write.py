"""Writes image files, whole or not at all.

A file is written under a temporary name and then renamed, so that no partial file ever exists. JPEG is written with quality 95 and full color
resolution, WebP with quality 95, TIFF with deflate compression. JPEG has no alpha: transparent parts are composited over white.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from ..contract.errors import InputError
from ..contract.params import MAX_PIXELS
from .color_space import from_srgb, to_srgb
from .picture import DEFAULT_RESOLUTION, DEPTHS, FORMATS, SAMPLES, Picture
from .read import library_name, reason
from .replace import check_writable, replacing

log = logging.getLogger(__name__)

WEBP_MAX_SIDE = 16_383  # px, a limit of the format
_LOOK_SECONDS, _STOP_SECONDS = 0.1, 10.0
KEPT, EXIF = 31, 1  # flags of libvips: all metadata, and the EXIF data, which it makes up where there are none


def storable_dtype(path: str | os.PathLike[str], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The bit depth for ``path``: ``dtype`` where its format can hold it, else the deepest that it can, with a logged warning."""
    kind = FORMATS[Path(path).suffix.lower()]
    if dtype.name in DEPTHS[kind]:
        return dtype
    stored = np.dtype(DEPTHS[kind][-1])
    log.warning("%s holds at most %d bits a channel: the %d-bit pixels are reduced", kind, 8 * stored.itemsize, 8 * dtype.itemsize)
    return stored


def write_picture(path: str | os.PathLike[str], picture: Picture) -> None:
    """Writes a PNG, TIFF, JPEG or WebP file, whole or not at all; an existing one is replaced.

    Args:
        path: its suffix chooses the format.
        picture: pixels of a dtype that :func:`storable_dtype` gave.

    Raises:
        InputError: the file cannot be written, or the format cannot hold these pixels.
    """
    target = check_writable(path, FORMATS)
    check_storable(path, picture.pixels.shape, picture.pixels.dtype)
    with replacing(target) as temporary:
        save_picture(temporary, picture)


def save_picture(path: Path, picture: Picture) -> None:
    """Writes the temporary file ``path`` for :func:`write_picture`, which has checked the picture.

    Raises:
        OSError: the file cannot be written.
    """
    kind = FORMATS[path.suffix.lower()]
    pixels = picture.pixels
    profile = picture.icc_profile
    if kind == "JPEG" and pixels.shape[2] in (2, 4):
        pixels = _over_white(pixels)
    if kind == "WebP" and pixels.shape[2] < 3 and profile:  # WebP stores gray as RGB, which a gray profile does not describe
        pixels, profile = from_srgb(to_srgb(pixels, profile), None, pixels.dtype), None
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), pixels.shape[1], pixels.shape[0], pixels.shape[2], _vips_format(pixels.dtype))
    image = image.copy(interpretation=_interpretation(pixels), xres=picture.resolution[0], yres=picture.resolution[1])
    for name, value in picture.metadata.items():
        image.set_type(pyvips.GValue.blob_type if isinstance(value, bytes) else pyvips.GValue.gstr_type, name, value)
    if "exif-data" in picture.metadata:
        image.set_type(pyvips.GValue.gint_type, "orientation", 1)
        image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", b"")  # drops the one in the EXIF data, which has the old colors
    if kind == "TIFF" and "exif-data" in picture.metadata:
        log.warning("EXIF data cannot be written to TIFF and is left out")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    needs_exif = "exif-data" in picture.metadata or (kind in ("JPEG", "WebP") and DEFAULT_RESOLUTION not in picture.resolution)  # it holds theirs
    _encode(image, kind, library_name(path), keep=KEPT if needs_exif else KEPT & ~EXIF)


def _encode(image: pyvips.Image, kind: str, path: str | bytes, *, keep: int) -> None:
    """Writes the file on a thread of its own, so that this one can be interrupted; libvips then stops within a second.

    Raises:
        OSError: the file cannot be written.
        BaseException: what interrupts, after the file's writing has ended.
    """
    errors: list[OSError] = []
    writing = threading.Thread(target=_encode_now, args=(image, kind, path, keep, errors), daemon=True)
    writing.start()
    try:
        while writing.is_alive():
            writing.join(_LOOK_SECONDS)
    except BaseException:
        image.set_kill(True)
        writing.join(_STOP_SECONDS)
        raise
    if errors:
        raise errors[0]


def _encode_now(image: pyvips.Image, kind: str, path: str | bytes, keep: int, errors: list[OSError]) -> None:
    try:
        if kind == "PNG":
            image.pngsave(path, keep=keep)
        elif kind == "TIFF":
            predictor = "float" if image.format == "float" else "horizontal"
            image.tiffsave(path, keep=keep, compression="deflate", predictor=predictor, bigtiff=image.width * image.height > MAX_PIXELS // 2)
        elif kind == "JPEG":
            image.jpegsave(path, keep=keep, Q=95, subsample_mode="off", optimize_coding=True)
        else:
            image.webpsave(path, keep=keep, Q=95, smart_subsample=True, exact=True)
    except pyvips.Error as error:
        errors.append(OSError(reason(error)))


def check_storable(path: str | os.PathLike[str], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Checks that the format of ``path`` can store pixels of this shape [H, W, C] and dtype.

    Raises:
        InputError: it cannot.
    """
    kind = FORMATS[Path(path).suffix.lower()]
    if dtype.name not in DEPTHS[kind]:
        raise InputError(f"{path}: expected pixels of {' or '.join(DEPTHS[kind])} for {kind}, got {dtype.name}")
    if kind == "WebP" and max(shape[:2]) > WEBP_MAX_SIDE:
        raise InputError(f"{path}: expected at most {WEBP_MAX_SIDE} pixels a side for WebP, got {shape[1]} x {shape[0]}; choose another format")


def _vips_format(dtype: np.dtype[Any]) -> str:
    return next(name for name, sample in SAMPLES.items() if sample == dtype)


def _interpretation(pixels: np.ndarray) -> str:
    gray, rgb = {"uint8": ("b-w", "srgb"), "uint16": ("grey16", "rgb16"), "float32": ("b-w", "scrgb")}[pixels.dtype.name]
    return gray if pixels.shape[2] < 3 else rgb


def _over_white(pixels: np.ndarray) -> np.ndarray:
    """Composites uint8 [H, W, 2 or 4] over white; returns [H, W, 1 or 3]."""
    color, alpha = pixels[..., :-1], pixels[..., -1:]
    if (alpha == 255).all():
        return color
    log.warning("JPEG has no alpha: the transparent parts are laid over white")
    share = alpha.astype(np.float32) / 255
    flat: np.ndarray = np.rint(color * share + 255 * (1 - share)).astype(np.uint8)
    return flat
