"""What becomes of a result: a new layer, one with the confidence as its mask, one layer for each reference, or a new image.

The new layer lies above its source, in the same place, with the same mode and opacity, as a duplicate of it would; the source stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gi
import layers
from choices import CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE
from language import _
from references import Reference
from sending import Sent

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


def make(
    kind: str, source: Gimp.Layer, sent: Sent, references: Sequence[Reference], params: Mapping[str, Any], worker: Any, result: Mapping[str, Any]
) -> Gimp.Layer:
    """Puts a result where the user wants it, as one step of undo; the image is untouched until all of it is there.

    Args:
        kind: one of :data:`choices.OUTPUTS`.
        source: the layer that was recolored.
        sent: what the worker was given of it.
        references: of the run.
        params: of the run.
        worker: that has the result's pixels and views still to give.
        result: the header whose pixels come next.

    Returns:
        The new layer, or the group of them.

    Raises:
        ValueError: the source was deleted or changed meanwhile.
    """
    sent.check_still(source)
    name, split = _("{} (neural color transfer)").format(source.get_name()), kind == LAYER_PER_REFERENCE and len(references) > 1
    image = layers.image_like(source) if kind == NEW_IMAGE else source.get_image()
    made: list[Gimp.Layer] = []
    masks: list[Gimp.LayerMask] = []

    def mask(layer: Gimp.Layer, view: str, index: int, limits: Sequence[str]) -> None:
        masks.append(layer.create_mask(Gimp.AddMaskType.WHITE))
        shown = worker.wait(worker.view(result["transfer"], view, index, limits), lambda *_: None)
        layers.write_gray(masks[-1], worker.bands(shown))

    try:
        made.append(_recolored(source, name, params, worker, result, image))
        if split:
            used = [index for index, share in enumerate(result["shares"]) if share > 0]
            made += [made[0].copy() for _ in used[1:]]
            for layer, index in zip(made, used):
                layer.set_name(references[index].name)
                mask(layer, "part", index, sent.masks)
        elif kind == CONFIDENCE_MASK or sent.masks:
            mask(made[0], "confidence" if kind == CONFIDENCE_MASK else "mask", 0, sent.masks)
        if kind == NEW_IMAGE and sent.selection:  # what was not selected is seen as it was
            made.append(layers.new_layer_like(source, source.get_name(), layers.read_own(source), image, own_format=True))
            if sent.masks[:-1]:
                mask(made[-1], "mask", 0, sent.masks[:-1])
        if kind == NEW_IMAGE:
            return _fill(image, made, masks)
    except BaseException:
        if kind == NEW_IMAGE:
            image.delete()
        else:
            for layer in made:
                layer.delete()
        raise
    return _insert(source, made, masks, name if split else "")


def _recolored(source: Gimp.Layer, name: str, params: Mapping[str, Any], worker: Any, result: Mapping[str, Any], image: Gimp.Image) -> Gimp.Layer:
    if params["strength"] > 0:
        return layers.new_layer_like(source, name, worker.bands(result), image)
    worker.drain(result)  # what went to the worker and back was rounded where GIMP's pixels have more bits than floats
    return layers.new_layer_like(source, name, layers.read_own(source), image, own_format=True)


def _insert(source: Gimp.Layer, made: Sequence[Gimp.Layer], masks: Sequence[Gimp.LayerMask], group_name: str) -> Gimp.Layer:
    """Puts layers above the source; with a group name into a new group, in which they add up to one whole."""
    image = source.get_image()
    image.undo_group_start()
    try:
        parent, position = source.get_parent(), image.get_item_position(source)
        if group_name:
            group = Gimp.GroupLayer.new(image, group_name)
            layers.look_like(source, group)
            image.insert_layer(group, parent, position)
            parent, position = group, 0
        for number, layer in enumerate(made):
            if not group_name:
                layers.look_like(source, layer)
            elif layer is not made[-1]:
                layer.set_mode(Gimp.LayerMode.MERGE)  # parts that share a pixel cover all of it, where normal ones would let the source through
            layers.insert_at(source, layer, parent, position + number)
            _put_on(layer, masks[number : number + 1])
        if group_name:
            image.set_selected_layers([group])  # not the part that came last
        return group if group_name else made[0]
    finally:
        image.undo_group_end()


def _put_on(layer: Gimp.Layer, masks: Sequence[Gimp.LayerMask]) -> None:
    for mask in masks:
        layer.add_mask(mask)
        layer.set_edit_mask(False)


def _fill(image: Gimp.Image, made: Sequence[Gimp.Layer], masks: Sequence[Gimp.LayerMask]) -> Gimp.Layer:
    """Puts the layers into a new image, the first on top, as what it begins with."""
    image.undo_disable()
    for number, layer in enumerate(made):
        image.insert_layer(layer, None, number)
        _put_on(layer, masks[number : number + 1])
    image.set_selected_layers(made[:1])
    image.undo_enable()
    return made[0]
