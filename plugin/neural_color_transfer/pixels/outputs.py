"""Puts the result of a transfer into GIMP: a new layer, one masked by its confidence, a layer for each reference, or a new image.

The new layer lies directly above its source, at the same position, with the same mode and opacity, as a duplicate of the source would.
The source itself is not changed, and it is the selected layer afterward, as with GIMP's own filters that make layers (Drop Shadow): so repeating the
filter recolors the source once more, and not its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

from . import layers, masks  # noqa: E402
from .choices import CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE, TransferChoices  # noqa: E402
from .names import picture_name  # noqa: E402
from .source import SourceSnapshot  # noqa: E402


class Result(Protocol):
    """A finished transfer whose pixels have not been read yet.

    Attributes:
        source: the source as it was sent.
        shares: the fraction of the source that each reference colored, 0 to 1.
    """

    source: SourceSnapshot
    shares: Sequence[float]

    def pixels(self) -> layers.Bands:
        """Yields the recolored pixels, in the layout of the source; to be read first, and once."""

    def skip_pixels(self) -> None:
        """Takes the place of :meth:`pixels` where they are not needed."""

    def view(self, kind: str, index: int, mask_names: Sequence[str]) -> layers.Bands:
        """Yields a gray uint8 view, one of :data:`messages.VIEWS`, multiplied by the named masks."""


def insert(source: Gimp.Layer, name: str, choices: TransferChoices, result: Result) -> Gimp.Layer:
    """Puts a result where the user wants it, as one undo step. The image is not touched before the result is complete.

    Args:
        source: the layer that was recolored.
        name: name of the new layer, or of the group of new layers.
        choices: what the user chose.
        result: the finished transfer; its pixels and views are read here.

    Returns:
        The new layer, or the group of new layers.

    Raises:
        InputError: the source was deleted or converted during the transfer.
    """
    result.source.check_unchanged(source)
    snapshot, new_image = result.source, choices.output == NEW_IMAGE
    split = choices.output == LAYER_PER_REFERENCE and len(choices.references) > 1
    image = layers.image_like(source) if new_image else source.get_image()
    new_layers: list[Gimp.Layer] = []
    new_masks: list[Gimp.LayerMask] = []

    def mask(layer: Gimp.Layer, view: str, index: int, limits: Sequence[str]) -> None:
        new_masks.append(layer.create_mask(Gimp.AddMaskType.WHITE))
        masks.write_mask(new_masks[-1], result.view(view, index, limits))

    try:
        new_layers.append(_recolored(source, name, choices, result, image))
        if split:
            used = [index for index, share in enumerate(result.shares) if share > 0]
            new_layers += [new_layers[0].copy() for _ in used[1:]]
            for layer, index in zip(new_layers, used):
                layer.set_name(f"{picture_name(choices.references[index].name)} {max(1, round(100 * result.shares[index]))} %")
                mask(layer, "part", index, snapshot.masks)
        elif choices.output == CONFIDENCE_MASK or snapshot.masks:
            mask(new_layers[0], "confidence" if choices.output == CONFIDENCE_MASK else "mask", 0, snapshot.masks)
        if new_image and snapshot.selection:  # outside the selection the new image shows the source
            new_layers.append(layers.new_layer_like(source, source.get_name(), layers.read_own(source), image, own_format=True))
            if snapshot.masks[:-1]:
                mask(new_layers[-1], "mask", 0, snapshot.masks[:-1])
        if new_image:
            return _fill(image, new_layers, new_masks)
    except BaseException:
        if new_image:
            image.delete()
        else:
            for layer in new_layers:
                layer.delete()
        raise
    return _insert_above(source, new_layers, new_masks, name if split else "")


def _recolored(source: Gimp.Layer, name: str, choices: TransferChoices, result: Result, image: Gimp.Image) -> Gimp.Layer:
    if choices.params["strength"] > 0:
        return layers.new_layer_like(source, name, result.pixels(), image)
    result.skip_pixels()  # 32-bit integers and doubles lost bits on the way to the worker, which computes with floats
    return layers.new_layer_like(source, name, layers.read_own(source), image, own_format=True)


def _insert_above(source: Gimp.Layer, new_layers: Sequence[Gimp.Layer], new_masks: Sequence[Gimp.LayerMask], group_name: str) -> Gimp.Layer:
    """Inserts the layers above the source. With a group name they go into a new group, in which their parts add up to the whole result."""
    image = source.get_image()
    image.undo_group_start()
    try:
        parent, position = source.get_parent(), image.get_item_position(source)
        if group_name:
            group = Gimp.GroupLayer.new(image, group_name)
            layers.look_like(source, group)
            image.insert_layer(group, parent, position)
            parent, position = group, 0
        for number, layer in enumerate(new_layers):
            if not group_name:
                layers.look_like(source, layer)
            elif layer is not new_layers[-1]:
                layer.set_mode(Gimp.LayerMode.MERGE)  # where parts share a pixel, normal mode would let the source show through
            layers.insert_at(source, layer, parent, position + number)
            _add_masks(layer, new_masks[number : number + 1])
        image.set_selected_layers([source])  # GIMP selects what was inserted last
        return group if group_name else new_layers[0]
    finally:
        image.undo_group_end()


def _add_masks(layer: Gimp.Layer, new_masks: Sequence[Gimp.LayerMask]) -> None:
    for mask in new_masks:
        layer.add_mask(mask)
        layer.set_edit_mask(False)


def _fill(image: Gimp.Image, new_layers: Sequence[Gimp.Layer], new_masks: Sequence[Gimp.LayerMask]) -> Gimp.Layer:
    """Inserts the layers into a new image, the first on top, without undo steps."""
    image.undo_disable()
    for number, layer in enumerate(new_layers):
        image.insert_layer(layer, None, number)
        _add_masks(layer, new_masks[number : number + 1])
    image.set_selected_layers(new_layers[:1])
    image.undo_enable()
    return new_layers[0]
