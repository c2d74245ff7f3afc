"""Drawables to pixels and back.

The pixels of a drawable are those that GIMP shows: with its non-destructive effects, inside the layer's own bounds. They are sent as GIMP
stores them (more than 16 bits as float), in the image's own color space and transfer curve, together with the ICC profile that describes
both. The worker does all color conversion: GIMP's conversion between curves is approximate and clips colors outside the color space.
Pixels are read and written in bands, so that this process never holds a whole image.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  after the versions are chosen
from nct_shared.frames import Chunk, PixelLayout  # noqa: E402

Bands = Iterable[tuple[int, int, Chunk]]
"""(first row, number of rows, pixels), from the top."""

_MODELS = {
    "linear": {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"},
    "non-linear": {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"},
    "perceptual": {1: "Y~", 2: "Y~A", 3: "R~G~B~", 4: "R~G~B~A"},
}
_DTYPES = {"u8": "uint8", "u16": "uint16"}
_BABL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "float"}


def icc_profile(drawable: Gimp.Drawable) -> bytes:
    """Returns the ICC profile that describes the pixels of :func:`read`; empty means sRGB."""
    profile = _encoding(drawable)[1]
    return b"" if profile is None else bytes(profile.get_icc_profile())


def layout_of(drawable: Gimp.Drawable, side: int = 0) -> PixelLayout:
    """Returns the layout of the pixels that :func:`read` reads.

    Args:
        drawable: a layer, a group or a mask.
        side: longest side in pixels to which it is reduced; 0 keeps its size.

    Raises:
        ProtocolError: the drawable is too large to be sent.
    """
    channels = (1 if drawable.is_gray() else 3) + drawable.has_alpha()
    return PixelLayout(*reduced_size(drawable, side), channels, _DTYPES.get(_precision(drawable)[0], "float32"), len(icc_profile(drawable)))


def read(drawable: Gimp.Drawable, side: int = 0) -> Iterator[bytes]:
    """Yields the drawable's pixels in the bands of :func:`layout_of`, from the top; for a group, the composite of its layers."""
    layout = layout_of(drawable, side)
    pixel_format = _format(drawable, layout)
    with _shown(drawable) as buffer:
        for top, rows in layout.bands():
            yield buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), reduction(drawable, side), pixel_format, Gegl.AbyssPolicy.NONE)


def read_own(drawable: Gimp.Drawable) -> Iterator[tuple[int, int, bytes]]:
    """Yields the drawable's pixels bit for bit, in the format in which GIMP stores them: (first row, number of rows, pixels)."""
    layout = layout_of(drawable)
    with _shown(drawable) as buffer:
        for top, rows in layout.bands():
            yield top, rows, buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), 1.0, _own_format(drawable), Gegl.AbyssPolicy.NONE)


def preview_of(drawable: Gimp.Drawable, side: int) -> tuple[PixelLayout, bytes]:
    """Returns the drawable as the screen shows it: uint8, sRGB, with alpha, reduced to ``side`` pixels on its longest side."""
    layout = PixelLayout(*reduced_size(drawable, side), 2 if drawable.is_gray() else 4, "uint8")
    extent, pixel_format = Gegl.Rectangle.new(0, 0, layout.width, layout.height), "Y'A u8" if layout.channels == 2 else "R'G'B'A u8"
    with _shown(drawable) as buffer:
        return layout, buffer.get(extent, reduction(drawable, side), pixel_format, Gegl.AbyssPolicy.NONE)


def reduction(drawable: Gimp.Drawable, side: int) -> float:
    """Returns the factor, at most 1, that reduces the drawable to ``side`` pixels on its longest side; 1 where ``side`` is 0."""
    return min(1.0, side / max(drawable.get_width(), drawable.get_height())) if side else 1.0


def reduced_size(drawable: Gimp.Drawable, side: int) -> tuple[int, int]:
    """Returns width and height in pixels after :func:`reduction`."""
    scale = reduction(drawable, side)
    if scale == 1.0:
        return drawable.get_width(), drawable.get_height()
    return max(2, round(drawable.get_width() * scale)), max(2, round(drawable.get_height() * scale))


def new_layer_like(source: Gimp.Layer, name: str, bands: Bands, image: Gimp.Image, own_format: bool = False) -> Gimp.Layer:
    """Makes a layer of the source's size, type and precision. The layer is not inserted into the image.

    Args:
        source: the layer whose size, type and color space the new layer takes.
        name: name of the new layer.
        bands: the pixels of the whole layer, as :func:`read` or :func:`read_own` gives them.
        image: the image that the layer is for: the source's own, or one of the same precision and profile.
        own_format: True for pixels from :func:`read_own`, False for pixels from :func:`read`.
    """
    layout = layout_of(source)
    kind = {1: Gimp.ImageType.GRAY_IMAGE, 2: Gimp.ImageType.GRAYA_IMAGE, 3: Gimp.ImageType.RGB_IMAGE, 4: Gimp.ImageType.RGBA_IMAGE}[layout.channels]
    layer = Gimp.Layer.new(image, name, layout.width, layout.height, kind, 100.0, image.get_default_new_layer_mode())
    try:
        buffer, pixel_format = layer.get_buffer(), _own_format(source) if own_format else _format(source, layout)
        for top, rows, pixels in bands:
            buffer.set(Gegl.Rectangle.new(0, top, layout.width, rows), pixel_format, bytes(pixels))
        buffer.flush()
    except BaseException:
        layer.delete()
        raise
    return layer


def image_like(source: Gimp.Drawable) -> Gimp.Image:
    """Makes an empty image of the drawable's size, with the mode, precision, profile and resolution of the drawable's image."""
    source_image = source.get_image()
    image = Gimp.Image.new_with_precision(source.get_width(), source.get_height(), source_image.get_base_type(), source_image.get_precision())
    profile = source_image.get_color_profile()
    if profile is not None:
        image.set_color_profile(profile)
    _found, horizontal, vertical = source_image.get_resolution()
    image.set_resolution(horizontal, vertical)
    image.set_unit(source_image.get_unit())
    return image


def look_like(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Gives a layer or group the mode, opacity and compositing options of the source."""
    mode = source.get_mode()
    layer.set_mode(source.get_image().get_default_new_layer_mode() if mode == Gimp.LayerMode.PASS_THROUGH else mode)  # pass-through is for groups only
    layer.set_blend_space(source.get_blend_space())
    layer.set_composite_space(source.get_composite_space())
    layer.set_composite_mode(source.get_composite_mode())
    layer.set_opacity(source.get_opacity())


def insert_at(source: Gimp.Layer, layer: Gimp.Layer, parent: Gimp.GroupLayer | None, position: int) -> None:
    """Inserts the layer into the source's image, at the source's position on the canvas."""
    _, left, top = source.get_offsets()
    layer.set_offsets(left, top)  # before the insertion: in a group with a locked position nothing can be moved
    source.get_image().insert_layer(layer, parent, position)
    layer.update(0, 0, layer.get_width(), layer.get_height())


@contextlib.contextmanager
def _shown(drawable: Gimp.Drawable) -> Iterator[Gegl.Buffer]:
    """Gives a buffer of the drawable's pixels with its effects; where there are effects, that of a temporary copy."""
    if drawable.is_indexed() or not _has_effects(drawable):
        yield drawable.get_buffer()
        return
    scene = image_like(drawable)
    try:
        scene.undo_disable()
        alone = Gimp.Layer.new_from_drawable(drawable, scene)
        scene.insert_layer(alone, None, 0)
        if alone.get_mask() is not None:
            alone.remove_mask(Gimp.MaskApplyMode.DISCARD)
        alone.set_offsets(0, 0)
        alone.set_visible(True)
        alone.set_mode(Gimp.LayerMode.NORMAL)
        alone.set_opacity(100.0)
        copy = Gimp.Layer.new_from_visible(scene, drawable.get_image(), drawable.get_name())
    finally:
        scene.delete()
    try:
        yield copy.get_buffer()
    finally:
        copy.delete()


def _has_effects(drawable: Gimp.Drawable) -> bool:
    """Returns whether the drawable, or a layer inside a group, has a visible effect."""
    if any(effect.get_visible() for effect in drawable.get_filters()):
        return True
    return bool(drawable.is_group()) and any(_has_effects(child) for child in drawable.get_children())


def _own_format(drawable: Gimp.Drawable) -> str:
    """Returns the Babl format in which GIMP stores the drawable."""
    return str(Babl.get_name(drawable.get_format()))


def _format(drawable: Gimp.Drawable, layout: PixelLayout) -> str:
    name = f"{_MODELS[_encoding(drawable)[0]][layout.channels]} {_BABL_TYPES[layout.dtype]}"
    return str(Babl.get_name(Babl.format_with_space(name, Babl.format_get_space(drawable.get_format()))))


def _encoding(drawable: Gimp.Drawable) -> tuple[str, Gimp.ColorProfile | None]:
    """Returns the curve in which pixels are read, a key of :data:`_MODELS`, and the profile with that curve; None means sRGB."""
    image, curve = drawable.get_image(), _precision(drawable)[1]
    if image.get_color_profile() is None and curve != "linear":
        return curve, None
    profile = image.get_effective_color_profile()
    if curve == "non-linear":
        return curve, profile
    stored = profile.new_linear_from_color_profile() if curve == "linear" else profile.new_srgb_trc_from_color_profile()
    return (curve, stored) if stored is not None else ("non-linear", profile)  # a profile made of lookup tables has no version with another curve


def _precision(drawable: Gimp.Drawable) -> tuple[str, str]:
    """Returns the image's pixel type, for example "u8", and its curve: "linear", "non-linear" (the profile's) or "perceptual" (sRGB's)."""
    kind, _, curve = drawable.get_image().get_precision().value_nick.partition("-")
    return kind, curve
