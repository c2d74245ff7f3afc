"""Layers and masks as uploads for the worker."""

from __future__ import annotations

import functools

import gi
from nct_shared.errors import InputError
from nct_shared.texts import Text
from pixels import layers, masks

from .session import Upload

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


def layer_upload(role: str, drawable: Gimp.Drawable) -> Upload:
    """Describes the drawable's pixels at full size.

    Raises:
        InputError: the drawable was deleted.
    """
    if not drawable.is_valid():
        raise InputError(Text("layer_gone"))
    return Upload(role, layers.layout_of(drawable), layers.icc_profile(drawable), functools.partial(layers.read, drawable))


def mask_upload(layer: Gimp.Drawable, mask: masks.PlacedMask, side: int = 0) -> Upload:
    """Describes the part of a mask that covers the layer, reduced to ``side`` pixels on the layer's longest side; 0 keeps the size."""
    return Upload("mask", masks.mask_layout(layer, side), b"", functools.partial(masks.read_mask, layer, mask, side))
