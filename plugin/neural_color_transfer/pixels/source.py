"""The source layer as it was when its pixels were read, to be compared with the layer on which the result is put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gi
from nct_shared.errors import InputError
from nct_shared.texts import Text

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


@dataclass(frozen=True)
class SourceSnapshot:
    """What was sent of the source.

    Attributes:
        name: the worker's name for its pixels.
        masks: the worker's names for the masks that limit the effect; the selection, if there is one, comes last.
        selection: the name of the mask that is the selection; "" without a selection.
        kind: size, type, precision and profile of the layer at that time.
    """

    name: str
    masks: Sequence[str]
    selection: str
    kind: tuple[object, ...]

    @classmethod
    def take(cls, source: Gimp.Layer, name: str, masks: Sequence[str], selection: str) -> SourceSnapshot:
        """Records the source as it is now, with what the worker calls its pixels and masks."""
        return cls(name, masks, selection, _kind_of(source))

    def check_unchanged(self, source: Gimp.Layer) -> None:
        """Checks that pixels made from the snapshot still fit the source.

        Raises:
            InputError: the source was deleted or converted.
        """
        if not source.is_valid():
            raise InputError(Text("source_removed"))
        if _kind_of(source) != self.kind:
            raise InputError(Text("source_changed"))


def _kind_of(layer: Gimp.Layer) -> tuple[object, ...]:
    image = layer.get_image()
    profile = image.get_color_profile()
    return layer.get_width(), layer.get_height(), layer.type(), image.get_precision(), profile and bytes(profile.get_icc_profile())
