"""What becomes of a result: a new layer, one with the confidence as its mask, one layer for each reference, or a new image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gi
import layers
from choices import CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE
from references import Reference

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


def make(kind: str, source: Gimp.Layer, references: Sequence[Reference], worker: Any, job: str, result: Any, masks: Sequence[str]) -> Gimp.Layer:
    """Puts a result where the user wants it, as one step of undo; the image is untouched until all of it is there.

    Args:
        kind: one of :data:`choices.OUTPUTS`.
        source: the layer that was recoloured.
        references: of the run.
        worker: that has the result's pixels and views still to give.
        job: of the transfer.
        result: the header whose pixels come next.
        masks: names of the images sent that limit the effect.

    Returns:
        The new layer, or the group of them.

    Raises:
        ValueError: the source has been deleted meanwhile.
    """
    if not source.is_valid():
        raise ValueError("expected the layer to recolour to stay in its image, but it is gone; start again")
    name = f"{source.get_name()} (neural color transfer)"
    if kind == NEW_IMAGE:
        return _new_image(source, name, worker.bands(result))
    made = [layers.new_layer_like(source, name, worker.bands(result))]
    pending = []
    try:
        if kind == LAYER_PER_REFERENCE and len(references) > 1:
            whole = made[0]
            used = [index for index, share in enumerate(result["shares"]) if share > 0]
            made += [whole.copy() for _ in used[1:]]
            for layer, index in zip(made, used):
                layer.set_name(references[index].name)
                pending.append(_mask(layer, worker, job, "part", index, masks))
        elif kind == CONFIDENCE_MASK or masks:
            pending.append(_mask(made[0], worker, job, "confidence" if kind == CONFIDENCE_MASK else "mask", 0, masks))
    except BaseException:
        for layer in made:
            layer.delete()
        raise
    return _insert(source, made, pending, name if kind == LAYER_PER_REFERENCE and len(references) > 1 else "")


def _mask(layer: Gimp.Layer, worker: Any, job: str, view: str, index: int, masks: Sequence[str]) -> Gimp.LayerMask:
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    shown = worker.wait(worker.view(job, view, index, masks), lambda *_: None)
    layers.write_gray(mask, worker.bands(shown))
    return mask


def _insert(source: Gimp.Layer, made: Sequence[Gimp.Layer], pending: Sequence[Gimp.LayerMask], group_name: str) -> Gimp.Layer:
    image = source.get_image()
    image.undo_group_start()
    try:
        parent, position = source.get_parent(), image.get_item_position(source)
        if group_name:
            group = Gimp.GroupLayer.new(image, group_name)
            image.insert_layer(group, parent, position)
            parent, position = group, 0
        for number, (layer, mask) in enumerate(zip(made, [*pending, None])):
            layers.insert_at(source, layer, parent, position + number)
            if mask is not None:
                layer.add_mask(mask)
                layer.set_edit_mask(False)
        return group if group_name else made[0]
    finally:
        image.undo_group_end()


def _new_image(source: Gimp.Layer, name: str, bands: Any) -> Gimp.Layer:
    old = source.get_image()
    image = Gimp.Image.new_with_precision(source.get_width(), source.get_height(), old.get_base_type(), old.get_precision())
    try:
        profile = old.get_color_profile()
        if profile is not None:
            image.set_color_profile(profile)
        _, horizontal, vertical = old.get_resolution()
        image.set_resolution(horizontal, vertical)
        image.undo_disable()
        layer = layers.new_layer_like(source, name, bands, image)
        image.insert_layer(layer, None, 0)
        image.undo_enable()
    except BaseException:
        image.delete()
        raise
    return layer
