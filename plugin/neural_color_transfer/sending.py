"""Layers and their masks as pictures for the worker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gi
import layers
import references
from nct_shared.frames import Header
from plans import APPLIED, Picture, Plan, Prepared
from worker_client import Reference

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


@dataclass(frozen=True)
class Sent:
    """What the worker was given of the source.

    Attributes:
        name: of the source's pixels.
        kind: of the source, as :func:`layers.kind_of` tells it.
        masks: the images sent that limit the effect.
        selection: which of them is its image's selection; "" without one.
    """

    name: str
    kind: tuple[object, ...]
    masks: Sequence[str]
    selection: str

    def check_still(self, source: Gimp.Layer) -> None:
        """Makes sure that the result fits the source as it is now.

        Raises:
            ValueError: somebody has deleted or converted it.
        """
        if not source.is_valid():
            raise ValueError("expected the layer to recolor to stay in its image, but it is gone; start again")
        if layers.kind_of(source) != self.kind:
            raise ValueError("expected the layer to recolor to stay as it was, but its size, mode, precision or color profile was changed; start again")


def picture_of(role: str, drawable: Gimp.Drawable) -> Picture:
    """The drawable's pixels as they are.

    Raises:
        ValueError: somebody has deleted it.
    """
    if not drawable.is_valid():
        raise ValueError("expected layers of open images, got one that is gone; choose another")
    return Picture(role, layers.layout_of(drawable), layers.icc_profile(drawable), functools.partial(layers.read, drawable))


def mask_on(layer: Gimp.Drawable, mask: Gimp.Channel, place: tuple[int, int], side: int = 0) -> Picture:
    """The part of a mask that covers the layer, reduced to ``side`` pixels on the layer's longer side (0: as it is)."""
    return Picture("mask", layers.layout_of_mask(layer, side), b"", functools.partial(layers.read_mask, layer, mask, place, side))


def transfer(
    prepared: Prepared,
    source: Gimp.Layer,
    gathered: Sequence[references.Reference],
    selected_only: bool,
    params: Mapping[str, Any],
    progress: Callable[[float, str], None],
) -> tuple[Sent, Header]:
    """Sends what the worker has not got, and has it do what it has not done.

    Args:
        prepared: the worker.
        source: the layer to recolor.
        gathered: the references, as :func:`references.check` allows them.
        selected_only: whether a reference layer counts only within its image's selection.
        params: all of :mod:`nct_shared.params`.
        progress: see :meth:`Worker.wait`.

    Returns:
        What was sent of the source, and the result's header, whose pixels come next.
    """
    masks = [prepared.send(mask_on(source, *mask)) for mask in layers.masks_of(source, True)]
    selection = "" if Gimp.Selection.is_empty(source.get_image()) else masks[-1]
    sent = Sent(prepared.send(picture_of("source", source)), layers.kind_of(source), masks, selection)
    described = [_send_reference(prepared, reference, selected_only) for reference in gathered]
    plan = Plan(sent.name, described, {name: params[name] for name in params if name not in APPLIED})
    job = prepared.start(plan, {name: params[name] for name in APPLIED})
    return sent, prepared.finish(plan, job, progress)


def _send_reference(prepared: Prepared, reference: references.Reference, selected_only: bool) -> Reference:
    drawable = reference.drawable
    if drawable is None:
        return Reference(reference.name, file=reference.path)
    masks = [prepared.send(mask_on(drawable, *mask)) for mask in layers.masks_of(drawable, selected_only)]
    return Reference(reference.name, image=prepared.send(picture_of("reference", drawable)), masks=masks)
