"""What the tests do inside GIMP, in GIMP's Python; each function takes and returns what JSON can hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402  after the versions are chosen

NAME = "python-fu-neural-color-transfer"
BABL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "float"}
KINDS = {1: Gimp.ImageType.GRAY_IMAGE, 2: Gimp.ImageType.GRAYA_IMAGE, 3: Gimp.ImageType.RGB_IMAGE, 4: Gimp.ImageType.RGBA_IMAGE}
MODELS = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}


def describe() -> dict[str, Any]:
    """What GIMP knows of the procedure."""
    procedure = Gimp.get_pdb().lookup_procedure(NAME)

    def specification(argument: Any) -> dict[str, Any]:
        bounds = {key: getattr(argument, key) for key in ("default_value", "minimum", "maximum") if hasattr(argument, key)}
        return {"name": argument.name, "type": argument.value_type.name, "tooltip": argument.blurb, **bounds}

    return {
        "label": procedure.get_menu_label(),
        "menus": list(procedure.get_menu_paths()),
        "image types": procedure.get_image_types(),
        "arguments": [specification(argument) for argument in procedure.get_arguments()],
        "returns": [specification(value) for value in procedure.get_return_values()],
    }


def transfer(folder: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs every case on an image of its own and exports source, reference and result into ``folder``."""
    return [_transfer_case(Path(folder), **case) for case in cases]


def _transfer_case(
    folder: Path, name: str, precision: str, profile: str, source: dict[str, Any], reference: dict[str, Any], suffix: str, params: dict[str, Any]
) -> dict[str, Any]:
    image = new_image(source["channels"], precision, profile)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    reference_layer = new_layer(image, folder, reference, None)
    source_layer = new_layer(image, folder, source, group)
    source_layer.set_offsets(*source["offsets"])
    new_layer(image, folder, source, group)
    image.clean_all()
    before = state(image)
    result = run(image, [source_layer], [reference_layer], **params)
    new = result.index(1)
    after = state(image)
    facts = {
        "status": int(result.index(0)),
        "source": source_layer.get_name(),
        "name": new.get_name(),
        "offsets": list(new.get_offsets())[1:],
        "parent": new.get_parent().get_name(),
        "above source": image.get_item_position(source_layer) - image.get_item_position(new),
        "kind": int(new.type()) == int(source_layer.type()),
        "opacity": new.get_opacity(),
        "new layers": len(after) - len(before),
        "others unchanged": [state for state in after if state["id"] != new.get_id()] == before,
        "dirty": image.is_dirty(),
    }
    for role, layer in (("source", source_layer), ("reference", reference_layer), ("result", new)):
        export(layer, folder / f"{name}-{role}{suffix}")
    image.delete()
    return facts


def fail(folder: str, source: dict[str, Any], plugin: str) -> dict[str, Any]:
    """Runs that must fail: the message of each, and whether the image was left as it was."""
    image = new_image(3, "U8_NON_LINEAR", "")
    first, second = (new_layer(image, Path(folder), source, None) for _ in range(2))
    mask = first.create_mask(Gimp.AddMaskType.WHITE)
    first.add_mask(mask)
    image.clean_all()
    before, messages = state(image), {}

    def attempt(case: str, *arguments: Any, **params: Any) -> None:
        values = run(*arguments, **params)
        messages[case] = {"status": int(values.index(0)), "message": Gimp.get_pdb().get_last_error()}

    attempt("no reference", image, [first], [])
    attempt("itself", image, [first], [first])
    attempt("same pixels", image, [first], [second], working_size=64)
    attempt("two sources", image, [first, second], [second])
    attempt("a mask", image, [mask], [second])
    attempt("last values without any", image, [first], [], run_mode=Gimp.RunMode.WITH_LAST_VALS)
    settings = Path(plugin, "worker.json")
    sound = settings.read_text()
    for case, command in (("no worker", ["/nonexistent/python"]), ("a worker that fails", ["/bin/sh", "-c", "echo no library >&2; exit 3"])):
        settings.write_text(json.dumps({**json.loads(sound), "command": command}))
        attempt(case, image, [first], [second])
    settings.write_text(sound)
    indexed = image.duplicate()
    indexed.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")
    attempt("indexed", indexed, [indexed.get_layers()[0]], [second])
    attempt("indexed reference", image, [first], [indexed.get_layers()[0]])
    return {"messages": messages, "unchanged": state(image) == before, "dirty": image.is_dirty()}


def interrupted(folder: str, source: dict[str, Any], reference: dict[str, Any]) -> list[dict[str, Any]]:
    """Two runs in the middle of which somebody outside kills a process."""
    facts = []
    for _ in range(2):
        image = new_image(3, "U8_NON_LINEAR", "")
        first = new_layer(image, Path(folder), source, None)
        second = new_layer(image, Path(folder), reference, None)
        image.clean_all()
        before = state(image)
        values = run(image, [first], [second])
        message = Gimp.get_pdb().get_last_error()
        facts.append({"status": int(values.index(0)), "message": message, "unchanged": state(image) == before, "dirty": image.is_dirty()})
    return facts


def extent(drawable: Gimp.Drawable) -> Gegl.Rectangle:
    return Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())


def run(image: Gimp.Image, drawables: list[Any], references: list[Any], run_mode: Any = Gimp.RunMode.NONINTERACTIVE, **params: Any) -> Any:
    procedure = Gimp.get_pdb().lookup_procedure(NAME)
    config = procedure.create_config()
    config.set_property("run-mode", run_mode)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    config.set_core_object_array("references", references)  # none, where files are all there is
    for name, value in params.items():
        config.set_property(name.replace("_", "-"), value)
    return procedure.run(config)


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
