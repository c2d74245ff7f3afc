"""Makes the requests for the preview engine: small copies of the layers for a draft, the originals for the exact transfer."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from gi.repository import Gimp
from nct_shared.frames import PixelLayout
from nct_shared.messages import SentReference
from pixels import layers
from pixels.choices import CONFIDENCE_MASK, TransferChoices
from pixels.masks import PlacedMask, masks_of
from pixels.references import ChosenReference
from worker.originals import OriginalSender, UploadMakers
from worker.preview_engine import PreviewRequest
from worker.session import APPLIED, TransferSpec, Upload, WorkerSession
from worker.uploads import layer_upload, mask_upload

SHOWN_SIDE = 512  # px, longest side of the small copies
MATCHED_SIDE = 256  # px, working size of a draft: fast, not exact


class PreviewRequests:
    """Reads small copies of the layers when they are first needed, and keeps them.

    Attributes:
        effect_mask: the product of the masks on the source, one uint8 per pixel of its small copy; None without masks.
    """

    def __init__(self, source: Gimp.Layer, session: Callable[[], WorkerSession | None], originals_sent: Callable[[], None]) -> None:
        """Reads the source; ``session`` and ``originals_sent`` are those of :class:`OriginalSender`."""
        self._source, self._session = source, session
        self._originals = OriginalSender(session, originals_sent)
        self._small: dict[str, Upload] = {}
        self._names: dict[tuple[int, ...], str] = {}
        self._makers: UploadMakers = {}
        self._read_source()

    @property
    def source(self) -> tuple[PixelLayout, bytes]:
        """The small copy of the source, gray or RGB with alpha."""
        upload = self._small[self._source_name]
        return upload.layout, b"".join(bytes(band) for band in upload.read())

    def forget(self) -> None:
        """Drops the small copies, because the layers may have changed."""
        self._names.clear()
        if self._source.is_valid():
            self._read_source()

    def make(self, choices: TransferChoices, view: str) -> PreviewRequest:
        """Makes the request for these choices. It has its exact transfer once :meth:`send_originals` has finished for it.

        Args:
            choices: what the dialog is set to, with at least one reference.
            view: "" for the result, else one of :data:`messages.VIEWS`.
        """
        small = tuple(self._small_reference(reference, choices.selected_only) for reference in choices.references)
        params = {name: value for name, value in choices.params.items() if name not in APPLIED}
        draft_params = {**params, "working_size": min(params["working_size"], MATCHED_SIDE)}
        self._makers = self._makers_of(choices, small)
        session = self._session()
        names = session.original_names(self._makers.keys()) if session is not None else None
        exact = None
        if names is not None:
            originals = tuple(_original_reference(reference, sent, names) for reference, sent in zip(choices.references, small))
            exact = TransferSpec(names[self._source.get_id(), self._source_name], originals, params, device=choices.device)
        draft = TransferSpec(self._source_name, small, draft_params, SHOWN_SIDE, choices.device)
        applied = {name: choices.params[name] for name in APPLIED}
        return PreviewRequest(dict(self._small), draft, exact, applied, view, choices.output == CONFIDENCE_MASK)

    def send_originals(self) -> None:
        """Sends the originals of the last request little by little, and drops all others, which no running transfer may use."""
        self._originals.send(self._makers)

    def stop(self) -> None:
        """Stops sending."""
        self._originals.stop()

    def _read_source(self) -> None:
        self._source_name = self._keep(self._source, "source")
        masks = [b"".join(mask_upload(self._source, mask, SHOWN_SIDE).read()) for mask in masks_of(self._source, True)]
        self.effect_mask = product(masks)

    def _small_reference(self, reference: ChosenReference, selected_only: bool) -> SentReference:
        drawable = reference.drawable
        if drawable is None:
            return SentReference(reference.name, file=reference.path)
        masks = tuple(self._keep_mask(drawable, mask) for mask in masks_of(drawable, selected_only))
        return SentReference(reference.name, image=self._keep(drawable, "reference"), masks=masks)

    def _makers_of(self, choices: TransferChoices, small: Sequence[SentReference]) -> UploadMakers:
        """Returns what describes each original; its key is the layer with the name of its small copy, which changes with the pixels."""
        source = functools.partial(layer_upload, "source", self._source)
        makers: dict[Hashable, Callable[[], Upload]] = {(self._source.get_id(), self._source_name): source}
        for drawable, sent in zip((reference.drawable for reference in choices.references), small):
            if drawable is not None:
                makers[drawable.get_id(), sent.image] = functools.partial(layer_upload, "reference", drawable)
                for name, mask in zip(sent.masks, masks_of(drawable, choices.selected_only)):
                    makers[drawable.get_id(), name] = functools.partial(mask_upload, drawable, mask)
        return makers

    def _keep(self, drawable: Gimp.Drawable, role: str) -> str:
        """Returns the name of the drawable's small copy, read if need be. Equal pixels have equal names and are sent and matched once."""
        key = (drawable.get_id(),)
        if key not in self._names:
            layout, pixels = layers.preview_of(drawable, SHOWN_SIDE)
            self._names[key] = self._add(Upload(role, layout, b"", lambda: iter([pixels])))
        return self._names[key]

    def _keep_mask(self, drawable: Gimp.Drawable, mask: PlacedMask) -> str:
        key = (drawable.get_id(), mask.channel.get_id())
        if key not in self._names:
            upload = mask_upload(drawable, mask, SHOWN_SIDE)
            bands = list(upload.read())
            self._names[key] = self._add(dataclasses.replace(upload, read=lambda: iter(bands)))
        return self._names[key]

    def _add(self, upload: Upload) -> str:
        name = upload.name()
        self._small[name] = upload
        return name


def product(masks: Sequence[bytes]) -> bytes | None:
    """Multiplies masks of one uint8 per pixel, 255 being 1; None if there are none."""
    if len(masks) < 2:
        return masks[0] if masks else None
    return bytes(first * second // 255 for first, second in zip(*masks))


def _original_reference(reference: ChosenReference, small: SentReference, names: Mapping[Any, str]) -> SentReference:
    if reference.drawable is None:
        return small
    layer_id = reference.drawable.get_id()
    return SentReference(small.name, image=names[layer_id, small.image], masks=tuple(names[layer_id, mask] for mask in small.masks))
