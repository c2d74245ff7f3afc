"""What test_outputs.py does inside GIMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi.repository import Gegl, Gimp
from worker.client import Worker, WorkerSettings
from worker.session import WorkerSession

from .images import extent, new_image, new_layer, state
from .matrix import recolor
from .procedure import run


def outputs(folder: str, plugin: str, source: dict[str, Any], references: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """Runs with every output, without a selection and with a feathered one, and with a layer mask; the result's pixels and masks go into ``folder``.

    With both limits the procedure runs; the other runs share one worker and one transfer.
    """
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        return _outputs(Path(folder), WorkerSession(worker), source, references, params)


def _outputs(home: Path, session: WorkerSession, source: dict[str, Any], references: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    image, other = new_image(4, "U8_NON_LINEAR", ""), new_image(3, "U8_NON_LINEAR", "")
    chosen = [new_layer(other, home, pixels, None) for pixels in references]
    for number, layer in enumerate(chosen):
        layer.set_name(f"reference {number}")
    first = new_layer(image, home, source, None)
    first.set_offsets(-11, 23)
    facts: dict[str, Any] = {}
    for limit in ("plain", "selection", "both"):
        if limit == "selection":
            image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 30, 40, 40)
            Gimp.Selection.feather(image, 6)
            _save_gray(image.get_selection(), home / "selection", 11, -23, first)
        elif limit == "both":
            image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 30, 60)
            first.add_mask(first.create_mask(Gimp.AddMaskType.SELECTION))
            _save_gray(first.get_mask(), home / "own mask", 0, 0, first)
            image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 30, 40, 40)
            Gimp.Selection.feather(image, 6)
        for output in ("new-layer", "confidence-mask", "layer-per-reference", "new-image"):
            before = state(image)
            open_before = {opened.get_id() for opened in Gimp.get_images()}
            if limit == "both":
                values = run(image, [first], chosen, output=output, **params)
                assert values.index(0) == Gimp.PDBStatusType.SUCCESS, Gimp.get_pdb().get_last_error()
                made = values.index(1)
            else:
                made = recolor(session, first, chosen, output, params)
            layers = made.get_children() if made.is_group() else [made]
            new = [opened.get_id() for opened in Gimp.get_images() if opened.get_id() not in open_before]
            described = []
            for number, layer in enumerate(layers):
                name = f"{limit} {output} {number}"
                mask = layer.get_mask()
                (home / name).write_bytes(layer.get_buffer().get(extent(layer), 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE))
                if mask:
                    _save_gray(mask, home / f"{name} mask", 0, 0, layer)
                described.append({"name": layer.get_name(), "file": name, "mask": bool(mask), "offsets": list(layer.get_offsets())[1:]})
            facts[f"{limit} {output}"] = {
                "layers": described,
                "group": made.get_name() if made.is_group() else "",
                "new images": len(new),
                "in a new image": made.get_image().get_id() in new,
                "selection kept": not Gimp.Selection.is_empty(image) or limit == "plain",
            }
            if new:
                made.get_image().delete()
            else:
                facts[f"{limit} {output}"]["position"] = image.get_item_position(first) - image.get_item_position(made)
                image.remove_layer(made)
            facts[f"{limit} {output}"]["others unchanged"] = state(image) == before
    return facts


def _save_gray(channel: Gimp.Channel, path: Path, left: int, top: int, like: Gimp.Layer) -> None:
    extent = Gegl.Rectangle.new(-left, -top, like.get_width(), like.get_height())
    path.write_bytes(channel.get_buffer().get(extent, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
