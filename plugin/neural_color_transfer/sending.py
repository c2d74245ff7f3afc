"""Sends layers and their masks to the worker."""

from __future__ import annotations

from collections.abc import Sequence

import gi
import layers
import references
from worker_client import Reference, Worker

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

SOURCE = "source"


def send_source(worker: Worker, source: Gimp.Layer, side: int = 0) -> list[str]:
    """Sends the layer as :data:`SOURCE`, with what limits the effect: its mask and its image's selection; returns the masks' names."""
    worker.send_image(SOURCE, "source", layers.layout_of(source, side), layers.icc_profile(source), layers.read(source, side))
    return _send_masks(worker, SOURCE, source, True, side)


def send_references(worker: Worker, gathered: Sequence[references.Reference], selected_only: bool, side: int = 0) -> list[Reference]:
    """Sends the layers among the references.

    Args:
        worker: to send to.
        gathered: the references.
        selected_only: whether a layer counts only within its image's selection.
        side: pixels on the longer side to which layers are reduced; 0 sends them as they are.

    Returns:
        All references as the worker knows them.
    """
    sent = []
    for reference in gathered:
        if reference.drawable is None:
            sent.append(Reference(reference.name, file=reference.path))
            continue
        name = f"layer {reference.drawable.get_id()}"
        layout, profile = layers.layout_of(reference.drawable, side), layers.icc_profile(reference.drawable)
        worker.send_image(name, "reference", layout, profile, layers.read(reference.drawable, side))
        sent.append(Reference(reference.name, image=name, masks=_send_masks(worker, name, reference.drawable, selected_only, side)))
    return sent


def _send_masks(worker: Worker, name: str, layer: Gimp.Drawable, selected_only: bool, side: int) -> list[str]:
    names = []
    for number, (mask, place) in enumerate(layers.masks_of(layer, selected_only)):
        names.append(f"{name} mask {number}")
        worker.send_image(names[-1], "mask", layers.layout_of_mask(layer, side), b"", layers.read_mask(layer, mask, place, side))
    return names
