"""Drawables to pixels and back.

Pixels travel as GIMP would export them: in the image's own colour space and curve ("R'G'B'", "Y'"; "RGB", "Y" where that is linear), beside
the profile that says so; all conversion is the worker's. They are read and written in bands, so that no whole image lies in this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  after the versions are chosen
from nct_shared.protocol import PixelLayout  # noqa: E402

_MODELS = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}
_LINEAR_MODELS = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}
_BABL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "float"}
# Integers of another curve than the exported one would lose steps in it; floats do not.
_DTYPES = {Gimp.Precision.U8_NON_LINEAR: "uint8", Gimp.Precision.U16_NON_LINEAR: "uint16"}


def icc_profile(drawable: Gimp.Drawable) -> bytes:
    """The profile that describes the pixels of :func:`read`; empty means sRGB."""
    image = drawable.get_image()
    profile = image.get_effective_color_profile()
    if image.get_color_profile() is None and not profile.is_linear():
        return b""
    return bytes(profile.get_icc_profile())


def layout_of(drawable: Gimp.Drawable, side: int = 0) -> PixelLayout:
    """The shape of the drawable's pixels as they are sent, reduced to ``side`` pixels on the longer side (0: as they are).

    Raises:
        ProtocolError: it is larger than what can be sent.
    """
    channels = (1 if drawable.is_gray() else 3) + drawable.has_alpha()
    dtype = _DTYPES.get(drawable.get_image().get_precision(), "float32")
    return PixelLayout(*_size(drawable, side), channels, dtype, len(icc_profile(drawable)))


def read(drawable: Gimp.Drawable, side: int = 0) -> Iterator[bytes]:
    """Yields the drawable's pixels in the bands of :func:`layout_of`, from the top; of a group what its layers show together."""
    layout = layout_of(drawable, side)
    buffer, pixel_format = drawable.get_buffer(), _format(drawable, layout)
    for top, rows in layout.bands():
        yield buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), _scale(drawable, side), pixel_format, Gegl.AbyssPolicy.NONE)


def preview_of(drawable: Gimp.Drawable, side: int) -> tuple[PixelLayout, bytes]:
    """The drawable as the screen shows it: 8 bits, sRGB, with alpha, reduced to ``side`` pixels on the longer side."""
    layout = PixelLayout(*_size(drawable, side), 2 if drawable.is_gray() else 4, "uint8")
    extent = Gegl.Rectangle.new(0, 0, layout.width, layout.height)
    return layout, drawable.get_buffer().get(extent, _scale(drawable, side), "Y'A u8" if layout.channels == 2 else "R'G'B'A u8", Gegl.AbyssPolicy.NONE)


def masks_of(layer: Gimp.Drawable, selected_only: bool) -> list[tuple[Gimp.Channel, tuple[int, int]]]:
    """What hides parts of a layer: its own mask, and if wanted its image's selection. With each the layer's place on it."""
    found = []
    mask = layer.get_mask() if layer.is_layer() else None
    if mask is not None and layer.get_apply_mask():
        found.append((mask, (0, 0)))
    image = layer.get_image()
    if selected_only and not Gimp.Selection.is_empty(image):
        _, left, top = layer.get_offsets()
        found.append((image.get_selection(), (left, top)))
    return found


def layout_of_mask(layer: Gimp.Drawable, side: int = 0) -> PixelLayout:
    """The shape of a mask of the layer as it is sent."""
    return PixelLayout(*_size(layer, side), 1, "uint8")


def read_mask(layer: Gimp.Drawable, mask: Gimp.Channel, place: tuple[int, int], side: int = 0) -> Iterator[bytes]:
    """Yields the part of a mask that covers the layer, in bands; 0 where it does not reach."""
    layout, scale = layout_of_mask(layer, side), _scale(layer, side)
    left, above = round(place[0] * scale), round(place[1] * scale)
    buffer = mask.get_buffer()
    for top, rows in layout.bands():
        yield buffer.get(Gegl.Rectangle.new(left, above + top, layout.width, rows), scale, "Y u8", Gegl.AbyssPolicy.NONE)


def write_gray(mask: Gimp.Channel, bands: Iterable[tuple[int, int, bytearray]]) -> None:
    """Fills a mask with uint8 pixels."""
    buffer = mask.get_buffer()
    for top, rows, pixels in bands:
        buffer.set(Gegl.Rectangle.new(0, top, mask.get_width(), rows), "Y u8", bytes(pixels))
    buffer.flush()


def new_layer_like(source: Gimp.Layer, name: str, bands: Iterable[tuple[int, int, bytearray]], image: Gimp.Image | None = None) -> Gimp.Layer:
    """Makes a layer of the source's size, kind and precision, which is not in the image yet.

    Args:
        source: the layer whose shape and colour space it takes.
        name: of the new layer.
        bands: (first row, rows, pixels as :func:`read` gives them); together the whole layer.
        image: of the source's precision and profile, for which it is; None: the source's own.
    """
    image, layout = image or source.get_image(), layout_of(source)
    kind = {1: Gimp.ImageType.GRAY_IMAGE, 2: Gimp.ImageType.GRAYA_IMAGE, 3: Gimp.ImageType.RGB_IMAGE, 4: Gimp.ImageType.RGBA_IMAGE}[layout.channels]
    layer = Gimp.Layer.new(image, name, layout.width, layout.height, kind, 100.0, image.get_default_new_layer_mode())
    try:
        buffer, pixel_format = layer.get_buffer(), _format(source, layout)
        for top, rows, pixels in bands:
            buffer.set(Gegl.Rectangle.new(0, top, layout.width, rows), pixel_format, bytes(pixels))
        buffer.flush()
    except BaseException:
        layer.delete()
        raise
    return layer


def insert_at(source: Gimp.Layer, layer: Gimp.Layer, parent: Gimp.GroupLayer | None, position: int) -> None:
    """Puts the layer into the source's image, over the source's place on the canvas."""
    source.get_image().insert_layer(layer, parent, position)
    _, left, top = source.get_offsets()
    layer.set_offsets(left, top)
    layer.update(0, 0, layer.get_width(), layer.get_height())


def _scale(drawable: Gimp.Drawable, side: int) -> float:
    return min(1.0, side / max(drawable.get_width(), drawable.get_height())) if side else 1.0


def _size(drawable: Gimp.Drawable, side: int) -> tuple[int, int]:
    scale = _scale(drawable, side)
    if scale == 1.0:
        return drawable.get_width(), drawable.get_height()
    return max(2, round(drawable.get_width() * scale)), max(2, round(drawable.get_height() * scale))


def _format(drawable: Gimp.Drawable, layout: PixelLayout) -> str:
    models = _LINEAR_MODELS if drawable.get_image().get_effective_color_profile().is_linear() else _MODELS
    name = f"{models[layout.channels]} {_BABL_TYPES[layout.dtype]}"
    return str(Babl.get_name(Babl.format_with_space(name, Babl.format_get_space(drawable.get_format()))))
