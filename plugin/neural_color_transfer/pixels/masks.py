"""Masks on a layer: its own layer mask and the selection of its image, read as 8-bit gray pixels of the layer's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402  after the versions are chosen
from nct_shared.frames import PixelLayout  # noqa: E402

from .layers import Bands, reduced_size, reduction  # noqa: E402


@dataclass(frozen=True)
class PlacedMask:
    """A mask, and where the layer's upper left corner lies on it, in pixels."""

    channel: Gimp.Channel
    left: int
    top: int


def masks_of(layer: Gimp.Drawable, with_selection: bool) -> list[PlacedMask]:
    """Lists the masks that hide parts of a layer: its own mask if it is applied, then if wanted its image's selection if there is one."""
    found = []
    mask = layer.get_mask() if layer.is_layer() else None
    if mask is not None and layer.get_apply_mask():
        found.append(PlacedMask(mask, 0, 0))
    image = layer.get_image()
    if with_selection and not Gimp.Selection.is_empty(image):
        _, left, top = layer.get_offsets()
        found.append(PlacedMask(image.get_selection(), left, top))
    return found


def mask_layout(layer: Gimp.Drawable, side: int = 0) -> PixelLayout:
    """Returns the layout of the pixels that :func:`read_mask` reads."""
    return PixelLayout(*reduced_size(layer, side), 1, "uint8")


def read_mask(layer: Gimp.Drawable, mask: PlacedMask, side: int = 0) -> Iterator[bytes]:
    """Yields the part of a mask that covers the layer, in the bands of :func:`mask_layout`; 0 where the mask does not reach.

    Args:
        layer: the layer under the mask.
        mask: one of :func:`masks_of`.
        side: longest side in pixels to which the layer, and with it the mask, is reduced; 0 keeps its size.
    """
    layout, scale = mask_layout(layer, side), reduction(layer, side)
    left, above = round(mask.left * scale), round(mask.top * scale)
    buffer = mask.channel.get_buffer()
    for top, rows in layout.bands():
        yield buffer.get(Gegl.Rectangle.new(left, above + top, layout.width, rows), scale, "Y u8", Gegl.AbyssPolicy.NONE)


def write_mask(mask: Gimp.Channel, bands: Bands) -> None:
    """Fills a mask with uint8 pixels, 255 where everything is visible."""
    buffer = mask.get_buffer()
    for top, rows, pixels in bands:
        buffer.set(Gegl.Rectangle.new(0, top, mask.get_width(), rows), "Y u8", bytes(pixels))
    buffer.flush()
