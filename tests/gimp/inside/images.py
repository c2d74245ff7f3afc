"""Making, exporting and comparing images inside GIMP."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402  after the versions are chosen

BABL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "float"}
KINDS = {1: Gimp.ImageType.GRAY_IMAGE, 2: Gimp.ImageType.GRAYA_IMAGE, 3: Gimp.ImageType.RGB_IMAGE, 4: Gimp.ImageType.RGBA_IMAGE}
MODELS = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}


def extent(drawable: Gimp.Drawable) -> Gegl.Rectangle:
    return Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())


def new_image(channels: int, precision: str, profile: str) -> Gimp.Image:
    base = Gimp.ImageBaseType.GRAY if channels < 3 else Gimp.ImageBaseType.RGB
    image = Gimp.Image.new_with_precision(160, 120, base, getattr(Gimp.Precision, precision))
    if profile:
        image.set_color_profile(Gimp.ColorProfile.new_from_icc_profile(Path(profile).read_bytes()))
    return image


def new_layer(image: Gimp.Image, folder: Path, pixels: dict[str, Any], parent: Any) -> Gimp.Layer:
    width, height = pixels["size"]
    layer = Gimp.Layer.new(image, "a layer", width, height, KINDS[pixels["channels"]], 100, Gimp.LayerMode.NORMAL)
    name = f"{MODELS[pixels['channels']]} {BABL_TYPES[pixels['dtype']]}"
    space = Babl.format_get_space(layer.get_format())
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), Babl.get_name(Babl.format_with_space(name, space)), (folder / pixels["file"]).read_bytes())
    buffer.flush()
    image.insert_layer(layer, parent, 0)
    return layer


def export(layer: Gimp.Layer, path: Path) -> None:
    """Writes the layer alone, with GIMP's own exporter."""
    image = layer.get_image()
    alone = Gimp.Image.new_with_precision(layer.get_width(), layer.get_height(), image.get_base_type(), image.get_precision())
    profile = image.get_color_profile()
    if profile:
        alone.set_color_profile(profile)
    copy = Gimp.Layer.new_from_drawable(layer, alone)
    alone.insert_layer(copy, None, 0)
    copy.set_offsets(0, 0)
    procedure = Gimp.get_pdb().lookup_procedure({".png": "file-png-export", ".tif": "file-tiff-export"}[path.suffix])
    config = procedure.create_config()
    config.set_property("image", alone)
    config.set_property("file", Gio.File.new_for_path(str(path)))
    config.set_property("include-color-profile", True)
    assert procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
    alone.delete()


def state(image: Gimp.Image) -> list[dict[str, Any]]:
    """Every layer: its place, its properties and a checksum of its pixels, depth first."""

    def states(layers: list[Any]) -> list[dict[str, Any]]:
        found = []
        for layer in layers:
            pixels = b"" if layer.is_group() else layer.get_buffer().get(extent(layer), 1.0, None, Gegl.AbyssPolicy.NONE)
            mask = layer.get_mask()
            facts = [layer.get_name(), *list(layer.get_offsets())[1:], layer.get_opacity(), int(layer.get_mode()), layer.get_visible(), bool(mask)]
            found.append({"id": layer.get_id(), "facts": facts, "pixels": hashlib.sha256(bytes(pixels)).hexdigest()})
            if layer.is_group():
                found += states(layer.get_children())
        return found

    return states(image.get_layers())
