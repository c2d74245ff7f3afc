"""What test_gimpfu.py does inside GIMP."""

from __future__ import annotations

from typing import Any

from gi.repository import Gegl, Gimp

from .images import new_image


def classic() -> dict[str, Any]:
    """Runs the two classic scripts."""
    pdb = Gimp.get_pdb()
    image = new_image(3, "U8_NON_LINEAR", "")
    layer = Gimp.Layer.new(image, "a layer", 40, 30, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    Gimp.context_set_foreground(Gegl.Color.new("#808080"))
    layer.fill(Gimp.FillType.FOREGROUND)
    image.insert_layer(layer, None, 0)
    procedure = pdb.lookup_procedure("python-fu-warm-light")
    config = procedure.create_config()
    defaults = [config.get_property(name) for name in ("warmth", "contrast", "keep")]
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    config.set_property("warmth", 80.0)
    values = procedure.run(config)
    light = {
        "arguments": [argument.name for argument in procedure.get_arguments()],
        "defaults": defaults,
        "status": int(values.index(0)),
        "layers": len(image.get_layers()),
        "pixel": _pixel(image.get_layers()[0], 5, 5),
        "source pixel": _pixel(layer, 5, 5),
    }
    procedure = pdb.lookup_procedure("python-fu-plain-card")
    config = procedure.create_config()
    config.set_property("frame", 1000)
    refused = config.get_property("frame")
    config.set_property("size", "2")
    for name, color in (("color", "#fff0c8"), ("frame-color", "#783c14")):  # GIMP does not tell a caller the defaults of colors
        config.set_property(name, Gegl.Color.new(color))
    values = procedure.run(config)
    made = values.index(1)
    card = {
        "arguments": [argument.name for argument in procedure.get_arguments()],
        "frame of 1000": refused,
        "status": int(values.index(0)),
        "size": [made.get_width(), made.get_height()],
        "corner": _pixel(made.get_layers()[0], 3, 3),
        "middle": _pixel(made.get_layers()[0], 240, 320),
    }
    return {"warm light": light, "plain card": card}


def _pixel(layer: Gimp.Layer, x: int, y: int) -> list[int]:
    return list(layer.get_buffer().get(Gegl.Rectangle.new(x, y, 1, 1), 1.0, "R'G'B' u8", Gegl.AbyssPolicy.NONE))
