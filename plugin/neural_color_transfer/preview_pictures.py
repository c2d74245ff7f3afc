"""The layers of a transfer as the preview's engine needs them: small copies for a draft, and as they are for the true transfer."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import layers
import references
import sending
from choices import CONFIDENCE_MASK
from gi.repository import Gimp
from nct_shared.frames import PixelLayout
from originals import Makers, Originals
from plans import APPLIED, Picture, Plan, Prepared
from preview_engine import Wish
from worker_client import Reference

SHOWN_SIDE = 512  # px of the small copies
MATCHED_SIDE = 256  # px at which a draft is matched: it is quick, not exact


@dataclass(frozen=True)
class Wanted:
    """What the dialog is set to.

    Attributes:
        references: what gives the colors; none where they cannot be used.
        selected_only: whether a reference layer counts only within its image's selection.
        output: one of :data:`choices.OUTPUTS`.
        params: all of :mod:`nct_shared.params`.
    """

    references: Sequence[references.Reference]
    selected_only: bool
    output: str
    params: Mapping[str, Any]


class PreviewPictures:
    """What the layers look like, read when first needed.

    Attributes:
        effect: uint8 of the small copy's size, what limits the effect on the source; None where nothing does.
    """

    def __init__(self, source: Gimp.Layer, prepared: Callable[[], Prepared | None], sent: Callable[[], None]) -> None:
        """Reads the source; ``prepared`` and ``sent`` as :class:`Originals` takes them."""
        self._source = source
        self._originals = Originals(prepared, sent)
        self._small: dict[str, Picture] = {}
        self._names: dict[tuple[int, ...], str] = {}
        self._makers: Makers = {}
        self.read_source()

    def read_source(self) -> None:
        """Reads the source (again)."""
        self._before = self._keep(self._source, "source")
        masks = [b"".join(sending.mask_on(self._source, *mask, SHOWN_SIDE).read()) for mask in layers.masks_of(self._source, True)]
        self.effect = product(masks)

    @property
    def source(self) -> tuple[PixelLayout, bytes]:
        """The source's small copy, RGBA or gray with alpha."""
        picture = self._small[self._before]
        return picture.layout, b"".join(bytes(band) for band in picture.read())

    def forget(self) -> None:
        """Reads everything again when it is next needed: it may have been changed."""
        self._names.clear()
        if self._source.is_valid():
            self.read_source()

    def wish(self, wanted: Wanted, view: str) -> Wish:
        """What the preview shall show; its true transfer is known once :meth:`send_originals` has done its work."""
        small = [self._describe(reference, wanted.selected_only) for reference in wanted.references]
        true = {name: value for name, value in wanted.params.items() if name not in APPLIED}
        quick = {**true, "working_size": min(true["working_size"], MATCHED_SIDE)}
        self._makers = self._makers_of(wanted, small)
        names, exact = self._originals.names(self._makers), None
        if names is not None:
            described = [_original(reference, described, names) for reference, described in zip(wanted.references, small)]
            exact = Plan(names[self._source.get_id(), self._before], described, true)
        applied = {name: wanted.params[name] for name in APPLIED}
        return Wish(dict(self._small), Plan(self._before, small, quick, SHOWN_SIDE), exact, applied, view, wanted.output == CONFIDENCE_MASK)

    def send_originals(self) -> None:
        """Has the worker get what the last wish needs, little by little, and drop what it does not; no transfer may be at work on that any more."""
        self._originals.send(self._makers)

    def stop(self) -> None:
        """Sends no more."""
        self._originals.stop()

    def _describe(self, reference: references.Reference, selected_only: bool) -> Reference:
        """The reference as the worker knows it by its small copy."""
        drawable = reference.drawable
        if drawable is None:
            return Reference(reference.name, file=reference.path)
        masks = [self._keep_mask(drawable, *mask) for mask in layers.masks_of(drawable, selected_only)]
        return Reference(reference.name, image=self._keep(drawable, "reference"), masks=masks)

    def _makers_of(self, wanted: Wanted, small: Sequence[Reference]) -> Makers:
        makers: dict[Hashable, Callable[[], Picture]] = {(self._source.get_id(), self._before): functools.partial(sending.picture_of, "source", self._source)}
        for drawable, described in zip((reference.drawable for reference in wanted.references), small):
            if drawable is not None:
                makers[drawable.get_id(), described.image] = functools.partial(sending.picture_of, "reference", drawable)
                for name, mask in zip(described.masks, layers.masks_of(drawable, wanted.selected_only)):
                    makers[drawable.get_id(), name] = functools.partial(sending.mask_on, drawable, *mask)
        return makers

    def _keep(self, drawable: Gimp.Drawable, role: str) -> str:
        """The name of a small copy; the same pixels have the same name, so that they are sent and matched once."""
        key = (drawable.get_id(),)
        if key not in self._names:
            layout, pixels = layers.preview_of(drawable, SHOWN_SIDE)
            self._names[key] = self._add(Picture(role, layout, b"", lambda: iter([pixels])))
        return self._names[key]

    def _keep_mask(self, drawable: Gimp.Drawable, mask: Gimp.Channel, place: tuple[int, int]) -> str:
        key = (drawable.get_id(), mask.get_id())
        if key not in self._names:
            picture = sending.mask_on(drawable, mask, place, SHOWN_SIDE)
            bands = list(picture.read())
            self._names[key] = self._add(dataclasses.replace(picture, read=lambda: iter(bands)))
        return self._names[key]

    def _add(self, picture: Picture) -> str:
        name = picture.name()
        self._small[name] = picture
        return name


def product(masks: Sequence[bytes]) -> bytes | None:
    """What all masks together let through."""
    if len(masks) < 2:
        return masks[0] if masks else None
    return bytes(first * second // 255 for first, second in zip(*masks))


def _original(reference: references.Reference, small: Reference, names: Mapping[Any, str]) -> Reference:
    """The reference as the worker knows it by its originals."""
    if reference.drawable is None:
        return small
    known = reference.drawable.get_id()
    return Reference(small.name, image=names[known, small.image], masks=[names[known, mask] for mask in small.masks])
