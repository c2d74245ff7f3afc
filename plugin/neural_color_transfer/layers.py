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


def layout_of(drawable: Gimp.Drawable) -> PixelLayout:
    """The shape of the drawable's pixels as they are sent.

    Raises:
        ProtocolError: it is larger than what can be sent.
    """
    channels = (1 if drawable.is_gray() else 3) + drawable.has_alpha()
    dtype = _DTYPES.get(drawable.get_image().get_precision(), "float32")
    return PixelLayout(drawable.get_width(), drawable.get_height(), channels, dtype, len(icc_profile(drawable)))


def read(drawable: Gimp.Drawable) -> Iterator[bytes]:
    """Yields the drawable's pixels in the bands of :func:`layout_of`, from the top."""
    layout = layout_of(drawable)
    buffer, pixel_format = drawable.get_buffer(), _format(drawable, layout)
    for top, rows in layout.bands():
        yield buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), 1.0, pixel_format, Gegl.AbyssPolicy.NONE)


def new_layer_like(source: Gimp.Layer, name: str, bands: Iterable[tuple[int, int, bytearray]]) -> Gimp.Layer:
    """Makes a layer of the source's size, kind and precision, which is not in the image yet.

    Args:
        source: the layer whose shape and colour space it takes.
        name: of the new layer.
        bands: (first row, rows, pixels as :func:`read` gives them); together the whole layer.
    """
    image, layout = source.get_image(), layout_of(source)
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


def insert_above(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Puts the layer directly above the source, at the same place, as one step of undo."""
    image = source.get_image()
    image.undo_group_start()
    try:
        image.insert_layer(layer, source.get_parent(), image.get_item_position(source))
        _, left, top = source.get_offsets()
        layer.set_offsets(left, top)
        layer.update(0, 0, layer.get_width(), layer.get_height())
    finally:
        image.undo_group_end()


def _format(drawable: Gimp.Drawable, layout: PixelLayout) -> str:
    models = _LINEAR_MODELS if drawable.get_image().get_effective_color_profile().is_linear() else _MODELS
    name = f"{models[layout.channels]} {_BABL_TYPES[layout.dtype]}"
    return str(Babl.get_name(Babl.format_with_space(name, Babl.format_get_space(drawable.get_format()))))
