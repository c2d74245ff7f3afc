"""Runs the procedure through the PDB; each function takes and returns what JSON can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

from .images import export, new_image, new_layer, state  # noqa: E402

NAME = "python-fu-neural-color-transfer"


def registration() -> dict[str, Any]:
    """Returns what GIMP knows about the procedure."""
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
