"""Sends layers and their masks to the worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gi
import layers
import references
from worker_client import Reference, Worker

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

SOURCE = "source"


@dataclass(frozen=True)
class Sent:
    """What the worker was given of the source.

    Attributes:
        kind: of the source, as :func:`layers.kind_of` tells it.
        masks: the images sent that limit the effect.
        selection: which of them is its image's selection; "" without one.
    """

    kind: tuple[object, ...]
    masks: Sequence[str]
    selection: str

    def check_still(self, source: Gimp.Layer) -> None:
        """Makes sure that the result fits the source as it is now.

        Raises:
            ValueError: somebody has deleted or converted it.
        """
        if not source.is_valid():
            raise ValueError("expected the layer to recolour to stay in its image, but it is gone; start again")
        if layers.kind_of(source) != self.kind:
            raise ValueError("expected the layer to recolour to stay as it was, but its size, mode, precision or colour profile was changed; start again")


def send_source(worker: Worker, source: Gimp.Layer) -> Sent:
    """Sends the layer as :data:`SOURCE`, with what limits the effect: its mask and its image's selection."""
    worker.send_image(SOURCE, "source", layers.layout_of(source), layers.icc_profile(source), layers.read(source))
    masks = _send_masks(worker, SOURCE, source, True)
    return Sent(layers.kind_of(source), masks, "" if Gimp.Selection.is_empty(source.get_image()) else masks[-1])


def send_references(worker: Worker, gathered: Sequence[references.Reference], selected_only: bool) -> list[Reference]:
    """Sends the layers among the references.

    Args:
        worker: to send to.
        gathered: the references.
        selected_only: whether a layer counts only within its image's selection.

    Returns:
        All references as the worker knows them.
    """
    sent = []
    for reference in gathered:
        if reference.drawable is None:
            sent.append(Reference(reference.name, file=reference.path))
            continue
        name = f"layer {reference.drawable.get_id()}"
        layout = layers.layout_of(reference.drawable)
        worker.send_image(name, "reference", layout, layers.icc_profile(reference.drawable), layers.read(reference.drawable))
        sent.append(Reference(reference.name, image=name, masks=_send_masks(worker, name, reference.drawable, selected_only)))
    return sent


def _send_masks(worker: Worker, name: str, layer: Gimp.Drawable, selected_only: bool) -> list[str]:
    names = []
    for number, (mask, place) in enumerate(layers.masks_of(layer, selected_only)):
        names.append(f"{name} mask {number}")
        worker.send_image(names[-1], "mask", layers.layout_of_mask(layer), b"", layers.read_mask(layer, mask, place))
    return names
