"""Drawables to pixels and back.

A drawable's pixels are those that GIMP shows: with the effects that it keeps on layers, within the layer's own bounds. They travel as
GIMP keeps them (those of over 16 bits as float): in the image's own color space and curve, beside the profile that says so. All
conversion is the worker's: GIMP's own between curves is approximate, and cuts off what lies outside the space. Pixels are read and
written in bands, so that no whole image lies in this process.
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
"""First row, rows and pixels, from the top."""

_MODELS = {
    "linear": {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"},
    "non-linear": {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"},
    "perceptual": {1: "Y~", 2: "Y~A", 3: "R~G~B~", 4: "R~G~B~A"},
}
_DTYPES = {"u8": "uint8", "u16": "uint16"}
_BABL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "float"}


def icc_profile(drawable: Gimp.Drawable) -> bytes:
    """The profile that describes the pixels of :func:`read`; empty means sRGB."""
    profile = _encoding(drawable)[1]
    return b"" if profile is None else bytes(profile.get_icc_profile())


def kind_of(layer: Gimp.Layer) -> tuple[object, ...]:
    """What must stay as it is for pixels of the layer to fit it still."""
    image = layer.get_image()
    profile = image.get_color_profile()
    return layer.get_width(), layer.get_height(), layer.type(), image.get_precision(), profile and bytes(profile.get_icc_profile())


def layout_of(drawable: Gimp.Drawable, side: int = 0) -> PixelLayout:
    """The shape of the drawable's pixels as they are sent, reduced to ``side`` pixels on the longer side (0: as they are).

    Raises:
        ProtocolError: it is larger than what can be sent.
    """
    channels = (1 if drawable.is_gray() else 3) + drawable.has_alpha()
    return PixelLayout(*_size(drawable, side), channels, _DTYPES.get(_precision(drawable)[0], "float32"), len(icc_profile(drawable)))


def read(drawable: Gimp.Drawable, side: int = 0) -> Iterator[bytes]:
    """Yields the drawable's pixels in the bands of :func:`layout_of`, from the top; of a group what its layers show together."""
    layout = layout_of(drawable, side)
    pixel_format = _format(drawable, layout)
    with _shown(drawable) as buffer:
        for top, rows in layout.bands():
            yield buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), _scale(drawable, side), pixel_format, Gegl.AbyssPolicy.NONE)


def read_own(drawable: Gimp.Drawable) -> Iterator[tuple[int, int, bytes]]:
    """Yields the drawable's pixels bit for bit, in the format in which GIMP keeps them: (first row, rows, pixels)."""
    layout = layout_of(drawable)
    with _shown(drawable) as buffer:
        for top, rows in layout.bands():
            yield top, rows, buffer.get(Gegl.Rectangle.new(0, top, layout.width, rows), 1.0, _own_format(drawable), Gegl.AbyssPolicy.NONE)


def preview_of(drawable: Gimp.Drawable, side: int) -> tuple[PixelLayout, bytes]:
    """The drawable as the screen shows it: 8 bits, sRGB, with alpha, reduced to ``side`` pixels on the longer side."""
    layout = PixelLayout(*_size(drawable, side), 2 if drawable.is_gray() else 4, "uint8")
    extent, pixel_format = Gegl.Rectangle.new(0, 0, layout.width, layout.height), "Y'A u8" if layout.channels == 2 else "R'G'B'A u8"
    with _shown(drawable) as buffer:
        return layout, buffer.get(extent, _scale(drawable, side), pixel_format, Gegl.AbyssPolicy.NONE)


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


def write_gray(mask: Gimp.Channel, bands: Bands) -> None:
    """Fills a mask with uint8 pixels."""
    buffer = mask.get_buffer()
    for top, rows, pixels in bands:
        buffer.set(Gegl.Rectangle.new(0, top, mask.get_width(), rows), "Y u8", bytes(pixels))
    buffer.flush()


def new_layer_like(source: Gimp.Layer, name: str, bands: Bands, image: Gimp.Image, own_format: bool = False) -> Gimp.Layer:
    """Makes a layer of the source's size, kind and precision, which is not in the image yet.

    Args:
        source: the layer whose shape and color space it takes.
        name: of the new layer.
        bands: (first row, rows, pixels as :func:`read` gives them); together the whole layer.
        image: for which it is: the source's own, or one of the same precision and profile.
        own_format: whether the pixels are those of :func:`read_own`.
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
    """An empty image for the drawable alone, of its image's mode, precision, profile and resolution."""
    old = source.get_image()
    image = Gimp.Image.new_with_precision(source.get_width(), source.get_height(), old.get_base_type(), old.get_precision())
    profile = old.get_color_profile()
    if profile is not None:
        image.set_color_profile(profile)
    _found, horizontal, vertical = old.get_resolution()
    image.set_resolution(horizontal, vertical)
    image.set_unit(old.get_unit())
    return image


def look_like(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Gives the layer, a group or not, the source's mode and opacity."""
    mode = source.get_mode()
    layer.set_mode(source.get_image().get_default_new_layer_mode() if mode == Gimp.LayerMode.PASS_THROUGH else mode)  # which groups alone can have
    layer.set_blend_space(source.get_blend_space())
    layer.set_composite_space(source.get_composite_space())
    layer.set_composite_mode(source.get_composite_mode())
    layer.set_opacity(source.get_opacity())


def insert_at(source: Gimp.Layer, layer: Gimp.Layer, parent: Gimp.GroupLayer | None, position: int) -> None:
    """Puts the layer into the source's image, over the source's place on the canvas."""
    _, left, top = source.get_offsets()
    layer.set_offsets(left, top)  # at once: in a group whose position is locked nothing can be moved
    source.get_image().insert_layer(layer, parent, position)
    layer.update(0, 0, layer.get_width(), layer.get_height())


@contextlib.contextmanager
def _shown(drawable: Gimp.Drawable) -> Iterator[Gegl.Buffer]:
    """The drawable's pixels with the effects on it; where there are some, of a copy that lives as long as this."""
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
    """Whether it, or a layer in it, has one that is switched on."""
    if any(effect.get_visible() for effect in drawable.get_filters()):
        return True
    return bool(drawable.is_group()) and any(_has_effects(child) for child in drawable.get_children())


def _own_format(drawable: Gimp.Drawable) -> str:
    """The format in which GIMP keeps the drawable."""
    return str(Babl.get_name(drawable.get_format()))


def _scale(drawable: Gimp.Drawable, side: int) -> float:
    return min(1.0, side / max(drawable.get_width(), drawable.get_height())) if side else 1.0


def _size(drawable: Gimp.Drawable, side: int) -> tuple[int, int]:
    scale = _scale(drawable, side)
    if scale == 1.0:
        return drawable.get_width(), drawable.get_height()
    return max(2, round(drawable.get_width() * scale)), max(2, round(drawable.get_height() * scale))


def _format(drawable: Gimp.Drawable, layout: PixelLayout) -> str:
    name = f"{_MODELS[_encoding(drawable)[0]][layout.channels]} {_BABL_TYPES[layout.dtype]}"
    return str(Babl.get_name(Babl.format_with_space(name, Babl.format_get_space(drawable.get_format()))))


def _encoding(drawable: Gimp.Drawable) -> tuple[str, Gimp.ColorProfile | None]:
    """The curve in which pixels are read, one of :data:`_MODELS`, and the profile of that curve; None means sRGB."""
    image, curve = drawable.get_image(), _precision(drawable)[1]
    if image.get_color_profile() is None and curve != "linear":
        return curve, None
    profile = image.get_effective_color_profile()
    if curve == "non-linear":
        return curve, profile
    stored = profile.new_linear_from_color_profile() if curve == "linear" else profile.new_srgb_trc_from_color_profile()
    return (curve, stored) if stored is not None else ("non-linear", profile)  # one made of lookup tables has no other curve


def _precision(drawable: Gimp.Drawable) -> tuple[str, str]:
    """The type of its image's pixels, for example "u8", and their curve: "linear", "non-linear" (the profile's) or "perceptual" (sRGB's)."""
    kind, _, curve = drawable.get_image().get_precision().value_nick.partition("-")
    return kind, curve
