"""What test_states.py does inside GIMP: sources of every mode, opacity, place, mask and lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi.repository import Gegl, Gimp
from worker.client import Worker, WorkerSettings
from worker.session import WorkerSession

from .images import extent, new_image, new_layer, state
from .matrix import recolor


def states(folder: str, plugin: str, source: dict[str, Any], references: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """Recolors a layer in every state; what became of it, with its pixels in ``folder``."""
    home, facts = Path(folder), {}
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        session = WorkerSession(worker)  # all cases differ in their layers, not in their pixels: few transfers for all
        for case, prepare in PREPARED.items():
            image, other = new_image(4, "U8_NON_LINEAR", ""), new_image(3, "U8_NON_LINEAR", "")
            chosen = [new_layer(other, home, pixels, None) for pixels in references]
            new_layer(image, home, references[0], None)
            first = new_layer(image, home, source, None)
            first.set_offsets(7, -5)
            prepare(image, first)
            before = state(image)
            output = "layer-per-reference" if "references" in case else "new-image" if case == "new image" else "new-layer"
            facts[case] = _facts_of(home, case, image, first, recolor(session, first, chosen, output, params), before)
            for opened in Gimp.get_images():
                opened.delete()
    return facts


def _facts_of(home: Path, case: str, image: Gimp.Image, first: Gimp.Layer, made: Gimp.Layer, before: list[dict[str, Any]]) -> dict[str, Any]:
    after, place = state(image), made.get_image()
    new = {made.get_id(), *(child.get_id() for child in (made.get_children() if made.is_group() else []))}
    mask = made.get_mask()
    if mask:
        (home / f"{case} mask").write_bytes(mask.get_buffer().get(extent(mask), 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
    (home / f"{case} result").write_bytes(made.get_buffer().get(extent(made), 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE))
    for child in made.get_children()[:1] if made.is_group() else []:  # whose pixels are the whole result
        (home / f"{case} whole result").write_bytes(child.get_buffer().get(extent(child), 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE))
    parent = made.get_parent()
    return {
        "mode": made.get_mode().value_nick,
        "opacity": made.get_opacity(),
        "spaces": [kind.value_nick for kind in (made.get_blend_space(), made.get_composite_space(), made.get_composite_mode())],
        "visible": made.get_visible(),
        "offsets": list(made.get_offsets())[1:],
        "parent": parent.get_name() if parent else "",
        "above": image.get_item_position(first) - image.get_item_position(made) if place.get_id() == image.get_id() else 0,
        "mask": bool(mask),
        "mask shown": made.get_show_mask(),
        "locks": [made.get_lock_content(), made.get_lock_position(), made.get_lock_alpha()],
        "modes within": [child.get_mode().value_nick for child in made.get_children()] if made.is_group() else [],
        "others unchanged": [layer for layer in after if layer["id"] not in new] == before,
        "size": [made.get_width(), made.get_height()],
        "resolution": list(place.get_resolution())[1:],
        "unit": place.get_unit().get_abbreviation(),
        "name": made.get_name(),
    }


def _in_group(image: Gimp.Image, first: Gimp.Layer) -> Gimp.GroupLayer:
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    image.reorder_item(first, group, 0)
    return group


def _half(_: Gimp.Image, first: Gimp.Layer) -> None:
    first.set_opacity(50.0)


def _multiply(_: Gimp.Image, first: Gimp.Layer) -> None:
    first.set_mode(Gimp.LayerMode.MULTIPLY)
    first.set_blend_space(Gimp.LayerColorSpace.RGB_LINEAR)
    first.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
    first.set_composite_mode(Gimp.LayerCompositeMode.UNION)
    first.set_opacity(80.0)


def _hidden(_: Gimp.Image, first: Gimp.Layer) -> None:
    first.set_visible(False)


def _masked(image: Gimp.Image, first: Gimp.Layer) -> Gimp.LayerMask:
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 40, 30)
    mask = first.create_mask(Gimp.AddMaskType.SELECTION)
    first.add_mask(mask)
    Gimp.Selection.none(image)
    return mask


def _mask_disabled(image: Gimp.Image, first: Gimp.Layer) -> None:
    _masked(image, first)
    first.set_apply_mask(False)


def _mask_shown(image: Gimp.Image, first: Gimp.Layer) -> None:
    _masked(image, first)
    first.set_show_mask(True)


def _locked(image: Gimp.Image, first: Gimp.Layer) -> None:
    group = _in_group(image, first)
    for item in (first, group):
        item.set_lock_content(True)
        item.set_lock_position(True)
    first.set_lock_alpha(True)


def _pass_through(image: Gimp.Image, first: Gimp.Layer) -> None:
    _in_group(image, first).set_mode(Gimp.LayerMode.PASS_THROUGH)


def _inch(image: Gimp.Image, first: Gimp.Layer) -> None:
    image.set_resolution(300.0, 150.0)
    image.set_unit(Gimp.Unit.mm())
    _half(image, first)


PREPARED = {
    "plain": lambda image, first: None,
    "half": _half,
    "multiply": _multiply,
    "references": lambda image, first: None,
    "multiply, references": _multiply,
    "hidden": _hidden,
    "group": _in_group,
    "pass-through": _pass_through,
    "mask": _masked,
    "mask disabled": _mask_disabled,
    "mask shown": _mask_shown,
    "locked": _locked,
    "new image": _inch,
}
