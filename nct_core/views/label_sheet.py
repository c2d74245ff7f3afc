"""Draws the label map: colors over the source, and a legend with a thumbnail and a share for each reference (ours)."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..pixels.grids import fit_within, nearest_cells
from ..pixels.resample import resize
from ..pixels.working import prepare
from ..result import TransferResult

_FONTS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansArabic-Regular.ttf",
    "segoeui.ttf",
    "msyh.ttc",
    "seguiemj.ttf",
    "Arial Unicode.ttf",
    "PingFang.ttc",
)
_MAP_SIDE, _THUMBNAIL_SIDE = 960, 150
_MARGIN, _FRAME, _TEXT = 16, 6, 18
_BACKGROUND, _INK, _FAINT = (250, 250, 250), (20, 20, 20), (130, 130, 130)
# Distinguishable with any kind of color vision (Okabe and Ito).
_PALETTE = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66), (110, 110, 110))


def color(number: int) -> tuple[int, int, int]:
    """The color that stands for a reference, 8-bit sRGB; references are counted from 0."""
    if number < len(_PALETTE):
        return _PALETTE[number]
    red, green, blue = colorsys.hsv_to_rgb(0.618034 * number % 1.0, 0.65, 0.85)
    return (round(255 * red), round(255 * green), round(255 * blue))


def overlay(labels: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paints each position in the color of its reference, with the image's lightness.

    Args:
        labels: uint8 [h, w], references counted from 0.
        image: uint8 [h, w, 3].

    Returns:
        uint8 [h, w, 3].
    """
    colors = np.array([color(number) for number in range(int(labels.max()) + 1)], np.float32)[labels]
    light = 0.45 + 0.55 * image.astype(np.float32).mean(-1, keepdims=True) / 255.0
    return np.rint(colors * light).astype(np.uint8)


def draw(result: TransferResult, source: NDArray[np.float32], references: Sequence[NDArray[np.float32]], names: Sequence[str]) -> NDArray[np.uint8]:
    """Draws the label map above its legend.

    Args:
        result: result of the transfer.
        source, references: the images of the transfer, float32 [H, W, C], sRGB-encoded.
        names: names of the references; one with letters that no font here has is left out, and its number stays.

    Returns:
        uint8 [H, W, 3], sRGB-encoded; the map's longer side has 960 px, or the source's if that is less.
    """
    picture = _small(source, min(_MAP_SIDE, max(source.shape[:2])))
    labels = result.working_labels
    nearest = nearest_cells((picture.shape[0], picture.shape[1]), (labels.shape[0], labels.shape[1]))
    painted = overlay(labels[np.ix_(*nearest)], picture)
    entries = [
        _entry(color(number), _small(reference, _THUMBNAIL_SIDE), f"{number + 1}. {name}", share)
        for number, (reference, name, share) in enumerate(zip(references, names, result.shares))
    ]
    width = max(painted.shape[1], *(entry.width for entry in entries)) + 2 * _MARGIN
    places, height = _flow([entry.size for entry in entries], width, painted.shape[0] + 2 * _MARGIN)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    sheet.paste(Image.fromarray(painted), (_MARGIN, _MARGIN))
    for entry, place in zip(entries, places):
        sheet.paste(entry, place)
    return np.asarray(sheet)


def _small(image: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Reduces the image to at most this longer side, uint8 [h, w, 3]; transparent parts are filled from their surroundings."""
    rgb = prepare(image, side, torch.device("cpu")).rgb
    rgb = resize(rgb, fit_within((image.shape[0], image.shape[1]), side))
    return (rgb * 255.0).round().to(torch.uint8).numpy()


def _entry(frame: tuple[int, int, int], thumbnail: NDArray[np.uint8], name: str, share: float) -> Image.Image:
    """Draws one reference: its framed thumbnail, name and share."""
    used = share > 0
    name = name if len(name) <= 30 else f"{name[:20]}…{name[-9:]}"
    font = _font(name)
    if font is None:
        name, font = name.partition(" ")[0], ImageFont.load_default(_TEXT)
    text = f"{name}\n{100 * share:.1f} %" if used else f"{name}\nnot used"
    left, top, right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((0, 0), text, font)
    height, width = thumbnail.shape[:2]
    out = Image.new("RGB", (int(max(width + 2 * _FRAME, right - left)) + 1, height + 2 * _FRAME + _MARGIN // 2 + int(bottom - top) + 2), _BACKGROUND)
    ImageDraw.Draw(out).rectangle((0, 0, width + 2 * _FRAME - 1, height + 2 * _FRAME - 1), fill=frame)
    out.paste(Image.fromarray(thumbnail), (_FRAME, _FRAME))
    below = height + 2 * _FRAME + _MARGIN // 2
    ImageDraw.Draw(out).multiline_text((-left, below - top), text, fill=_INK if used else _FAINT, font=font)
    return out


def _font(text: str) -> Any:
    """A font that has all letters of a text, the system's where Pillow's own lacks one; None if there is none."""
    for file in (None, *_FONTS):
        try:
            font = ImageFont.load_default(_TEXT) if file is None else ImageFont.truetype(file, _TEXT)
            box = bytes(font.getmask("\U0010fffe"))  # what is drawn in place of a letter that it lacks
            if all(bytes(font.getmask(letter)) != box for letter in text if not letter.isspace()):
                return font
        except (OSError, UnicodeEncodeError):  # no such font; a name of a file that is no text
            continue
    return None


def _flow(sizes: Sequence[tuple[int, int]], width: int, top: int) -> tuple[list[tuple[int, int]], int]:
    """Places boxes in lines of ``width`` px from the left; returns their places and the total height."""
    places, left, line = [], _MARGIN, 0
    for box_width, box_height in sizes:
        if left > _MARGIN and left + box_width + _MARGIN > width:
            top, left, line = top + line + _MARGIN, _MARGIN, 0
        places.append((left, top))
        left, line = left + box_width + _MARGIN, max(line, box_height)
    return places, top + line + _MARGIN
