"""What test_effects.py does inside GIMP: layers with effects that GIMP keeps on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi.repository import Gegl, Gimp
from pixels import layers
from worker.client import Worker, WorkerSettings
from worker.session import WorkerSession

from .images import new_image, new_layer, state
from .matrix import recolor

INVERT, SHADOW = "gegl:invert-gamma", "gegl:dropshadow"


def effects(folder: str, plugin: str, source: dict[str, Any], reference: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Reads a layer in every case, and recolors it in some; what came of it, with the pixels in ``folder``."""
    home, facts = Path(folder), {}
    Gegl.init(None)  # for reduced reading; the dialog has it from GimpUi.init
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        for case, prepare in CASES.items():
            image, other = new_image(4, "U8_NON_LINEAR", ""), new_image(3, "U8_NON_LINEAR", "")
            chosen, first = new_layer(other, home, reference, None), new_layer(image, home, source, None)
            first.set_offsets(7, -5)
            seen = prepare(image, first)
            image.clean_all()
            before, opened = state(image), len(Gimp.get_images())
            (home / f"{case} read").write_bytes(b"".join(layers.read(seen)))
            (home / f"{case} own").write_bytes(b"".join(bytes(band) for _, _, band in layers.read_own(seen)))
            layout, small = layers.preview_of(seen, 48)
            facts[case] = {"preview": [layout.height, layout.width], "unchanged": state(image) == before, "images": len(Gimp.get_images()) - opened}
            facts[case]["dirty"], facts[case]["kept"] = image.is_dirty(), [effect.get_name() for effect in seen.get_filters()]
            (home / f"{case} preview").write_bytes(small)
            if case in ("inverted", "plain"):
                effect(chosen, INVERT)
                made = recolor(WorkerSession(worker), seen, [chosen], "new-layer", params)
                facts[case]["effects of the new layer"] = len(made.get_filters())
                (home / f"{case} recolored").write_bytes(b"".join(layers.read(made)))
            for left in Gimp.get_images():
                left.delete()
    return facts


def effect(layer: Gimp.Layer, operation: str, visible: bool = True) -> None:
    """Puts an effect on a layer."""
    kept = Gimp.DrawableFilter.new(layer, operation, operation)
    kept.set_visible(visible)
    layer.append_filter(kept)


def _plain(_image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    return layer


def _inverted(_image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    effect(layer, INVERT)
    return layer


def _switched_off(_image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    effect(layer, INVERT, visible=False)
    return layer


def _masked(_image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    effect(layer, INVERT)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.BLACK))
    layer.set_opacity(30.0)
    layer.set_mode(Gimp.LayerMode.MULTIPLY)
    layer.set_visible(False)
    return layer


def _grown(_image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    effect(layer, INVERT)
    effect(layer, SHADOW)
    return layer


def _group(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    image.reorder_item(layer, group, 0)
    return group


def _group_inverted(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    group = _group(image, layer)
    effect(group, INVERT)
    return group


def _group_of_grown(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    return _group(image, _grown(image, layer))


CASES = {
    "plain": _plain,
    "inverted": _inverted,
    "switched off": _switched_off,
    "masked": _masked,
    "grown": _grown,
    "group inverted": _group_inverted,
    "group of grown": _group_of_grown,
}
