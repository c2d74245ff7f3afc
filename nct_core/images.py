"""Image files, and pixels in their own color space <-> sRGB.

The command line and the worker both convert pixels here, so that GIMP and the command line give the same result.

Files: 8/16-bit PNG, 8/16-bit and 32-bit float TIFF, JPEG and WebP; gray or RGB, each with or without alpha (not premultiplied).
A file is written under a temporary name and then renamed: there is never a partial one. The EXIF orientation is applied on
reading. JPEG is written with quality 95 and full color resolution, WebP with quality 95, TIFF with deflate compression. JPEG
has no alpha: transparent parts are laid over white.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from . import icc, opening, output, threads
from .advance import Advance, unwatched
from .errors import InputError
from .params import MAX_PIXELS, MAX_SIDE

log = logging.getLogger(__name__)

WEBP_MAX_SIDE = 16_383  # px, a limit of the format
FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP"}
DEPTHS = {"PNG": ("uint8", "uint16"), "TIFF": ("uint8", "uint16", "float32"), "JPEG": ("uint8",), "WebP": ("uint8",)}
SAMPLES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
INTERPRETATIONS = ("srgb", "rgb", "rgb16", "scrgb", "b-w", "grey16")
METADATA = ("exif-", "xmp-data", "iptc-data", "resolution-unit", "png-comment-")
KEPT, EXIF = 31, 1  # flags of libvips: all metadata, and the EXIF data, which it makes up where there are none
DEFAULT_RESOLUTION = 72 / 25.4  # pixels per millimeter, where the file says nothing
BAND_PIXELS = 1 << 14  # converted at a time: the work in float64 stays in the processor's cache and small beside the image


@dataclass(frozen=True)
class Picture:
    """The pixels of a file in its own color space, and what travels with them.

    Attributes:
        pixels: uint8, uint16 or float32 (nominally in [0, 1]) [H, W, C]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; upright.
        icc_profile: the color space's ICC profile as it is in the file; None means sRGB.
        metadata: EXIF, XMP, IPTC and comments, under libvips' names (without orientation and thumbnail).
        resolution: pixels per millimeter (horizontal, vertical).
    """

    pixels: np.ndarray
    icc_profile: bytes | None = None
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    resolution: tuple[float, float] = (DEFAULT_RESOLUTION, DEFAULT_RESOLUTION)


def read(path: str | os.PathLike[str]) -> Picture:
    """Reads a PNG, TIFF, JPEG or WebP file (the first page or frame of several, with a logged warning).

    Raises:
        InputError: there is no such file, it is not one of these formats, damaged, truncated, over the stated limits (checked
            before anything is decoded), or its pixels are of an unsupported kind (CMYK, Lab, 32-bit integer ...).
    """
    path = Path(path)
    image = opening.open_image(path)
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
        raise opening.unreadable(path, error) from error
    metadata = {name: image.get(name) for name in image.get_fields() if name.startswith(METADATA)}
    if "xmp-data" in metadata:
        metadata["xmp-data"] = re.sub(rb"(tiff:Orientation(?:=\"|>))\d", rb"\g<1>1", metadata["xmp-data"])
    resolution = (image.xres, image.yres) if image.xres != 1 else (DEFAULT_RESOLUTION, DEFAULT_RESOLUTION)  # 1 is libvips' "unknown"
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    return Picture(pixels, profile, metadata, resolution)


def storable_dtype(path: str | os.PathLike[str], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The bit depth for ``path``: ``dtype`` where its format can hold it, else the deepest that it can, with a logged warning."""
    kind = FORMATS[Path(path).suffix.lower()]
    if dtype.name in DEPTHS[kind]:
        return dtype
    stored = np.dtype(DEPTHS[kind][-1])
    log.warning("%s holds at most %d bits a channel: the %d-bit pixels are reduced", kind, 8 * stored.itemsize, 8 * dtype.itemsize)
    return stored


def write(path: str | os.PathLike[str], picture: Picture) -> None:
    """Writes a PNG, TIFF, JPEG or WebP file, whole or not at all; an existing one is replaced.

    Args:
        path: its suffix chooses the format.
        picture: pixels of a dtype that :func:`storable_dtype` gave.

    Raises:
        InputError: the file cannot be written, or the format cannot hold these pixels.
    """
    target = output.check_writable(path, FORMATS)
    check_storable(path, picture.pixels.shape, picture.pixels.dtype)
    with output.replacing(target) as temporary:
        save(temporary, picture)


def save(path: Path, picture: Picture) -> None:
    """What :func:`write` does between its checks and the renaming of the temporary file ``path``.

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
    _encode(image, kind, str(path), keep=KEPT if needs_exif else KEPT & ~EXIF)


def _encode(image: pyvips.Image, kind: str, path: str, *, keep: int) -> None:
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
        raise OSError(opening.reason(error)) from error


def check_storable(path: str | os.PathLike[str], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Makes sure that the format of ``path`` holds pixels of this shape [H, W, C] and dtype.

    Raises:
        InputError: it does not.
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
    """Lays uint8 [H, W, 2 or 4] over white; [H, W, 1 or 3]."""
    color, alpha = pixels[..., :-1], pixels[..., -1:]
    if (alpha == 255).all():
        return color
    log.warning("JPEG has no alpha: the transparent parts are laid over white")
    share = alpha.astype(np.float32) / 255
    flat: np.ndarray = np.rint(color * share + 255 * (1 - share)).astype(np.uint8)
    return flat


def to_srgb(pixels: np.ndarray, icc_profile: bytes | None = None, advance: Advance = unwatched) -> np.ndarray:
    """Converts pixels of their own color space to sRGB.

    Args:
        pixels: uint8, uint16 or float32 [H, W, C] (nominally [0, 1]), C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.
        icc_profile: their ICC profile; None (or empty) means sRGB. One that is damaged or does not fit the channels is
            passed over with a logged warning.
        advance: called after every band of rows.

    Returns:
        float32 [H, W, C], sRGB-encoded; colors outside sRGB leave [0, 1] (see ``icc.py``). Alpha is only scaled. Where the profile
        is sRGB this is a plain scaling by 1/255 or 1/65535, exactly undone by :func:`from_srgb`.

    Raises:
        InputError: floating-point pixels hold NaN or infinity.
    """
    if pixels.dtype == np.float32:
        bad = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
        if bad:
            raise InputError(f"expected finite pixel values, got {bad} that are NaN or infinite; repair the image first")
        scaled: np.ndarray = pixels.copy()
    else:
        scaled = np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), dtype=np.float32)
    colors = pixels.shape[2] - (pixels.shape[2] + 1) % 2
    own = _space(icc_profile, colors, warn=True)
    if own:
        _each_band(lambda band: _convert(band, own.to_srgb, colors), scaled, advance=advance)
    return scaled


def from_srgb(image: np.ndarray, icc_profile: bytes | None, dtype: np.dtype[Any] | type, advance: Advance = unwatched) -> np.ndarray:
    """Undoes :func:`to_srgb`: float32 [H, W, C] sRGB-encoded → pixels [H, W, C] of ``dtype`` in the profile's color space.

    Integers are rounded to the nearest and clipped to their range; float32 is neither.
    """
    colors = image.shape[2] - (image.shape[2] + 1) % 2
    own = _space(icc_profile, colors, warn=False)
    pixels = np.empty(image.shape, dtype)

    def convert(band: np.ndarray, target: np.ndarray) -> None:
        if own:
            band = band.copy()
            _convert(band, own.from_srgb, colors)
        if target.dtype != np.float32:
            band = np.rint(np.clip(band, 0, 1) * np.float32(np.iinfo(target.dtype).max))
        target[...] = band

    _each_band(convert, image, pixels, advance=advance)
    return pixels


def _space(profile: bytes | None, colors: int, *, warn: bool) -> icc.Space | None:
    if not profile:
        return None
    try:
        return icc.space(profile, colors)
    except icc.ProfileError as error:
        if warn:
            log.warning("the ICC profile is passed over and sRGB assumed: %s", error)
        return None


def _convert(band: np.ndarray, conversion: Callable[[np.ndarray], np.ndarray], colors: int) -> None:
    """Converts the colors of float32 [h, W, C] in place."""
    values = band[..., :colors].reshape(-1, colors).astype(np.float64)
    band[..., :colors] = conversion(values).reshape(*band.shape[:2], colors)


def _each_band(work: Callable[..., None], *images: np.ndarray, advance: Advance) -> None:
    """Calls ``work`` on views of a few rows [h, W, C] of every image."""
    height, width = images[0].shape[:2]
    rows = max(1, BAND_PIXELS // width)

    def bands(first: int, last: int) -> None:
        for start in range(first * rows, min(last * rows, height), rows):
            work(*(image[start : start + rows] for image in images))

    threads.over_rows(bands, -(-height // rows), grain=8, advance=advance, bands_per_thread=threads.BANDS_OF_PICTURES)
