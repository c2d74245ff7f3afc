"""The transfer at full size: sends the layers, runs it and hands out its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import gi
from nct_shared.messages import Result, SentReference
from nct_shared.texts import Text
from pixels.choices import TransferChoices
from pixels.masks import masks_of
from pixels.references import ChosenReference
from pixels.source import SourceSnapshot

from .client import Worker
from .session import APPLIED, TransferSpec, WorkerSession
from .uploads import layer_upload, mask_upload

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


class FinishedTransfer:
    """A result that the worker has computed; the pixels come first, then any number of views.

    Attributes:
        source: the source as it was sent.
        shares: the fraction of the source that each reference colored, 0 to 1.
        notes: what the user should know about the result.
    """

    def __init__(self, worker: Worker, source: SourceSnapshot, result: Result) -> None:
        self._worker, self._result = worker, result
        self.source = source
        self.shares: Sequence[float] = result.facts.shares
        self.notes: Sequence[Text] = result.facts.notes

    def pixels(self) -> Iterator[tuple[int, int, bytearray]]:
        """Yields the recolored pixels in the source's layout, once: (first row, number of rows, pixels)."""
        return self._worker.bands(self._result)

    def skip_pixels(self) -> None:
        """Reads the pixels from the pipe and drops them."""
        self._worker.drain(self._result)

    def view(self, kind: str, index: int, mask_names: Sequence[str]) -> Iterator[tuple[int, int, bytearray]]:
        """Yields a view of the result as :meth:`Worker.view` describes it, in the form of :meth:`pixels`."""
        result = self._worker.wait(self._worker.view(self._result.facts.transfer, kind, index, mask_names), lambda *_: None)
        return self._worker.bands(result)


def transfer(session: WorkerSession, source: Gimp.Layer, choices: TransferChoices, progress: Callable[[float, Text], None]) -> FinishedTransfer:
    """Sends what the worker does not have yet, and runs what it has not computed yet.

    Args:
        session: the worker.
        source: the layer to recolor.
        choices: what the user chose; :func:`references.check` has allowed the references.
        progress: see :meth:`Worker.wait`.

    Raises:
        InputError: a layer was deleted, or there are more references than one request can name.
        WorkerError: see :meth:`Worker.wait`.
    """
    mask_names = [session.send(mask_upload(source, mask)) for mask in masks_of(source, True)]
    selection = "" if Gimp.Selection.is_empty(source.get_image()) else mask_names[-1]
    snapshot = SourceSnapshot.take(source, session.send(layer_upload("source", source)), mask_names, selection)
    references = tuple(_send_reference(session, reference, choices.selected_only) for reference in choices.references)
    spec = TransferSpec(snapshot.name, references, {name: value for name, value in choices.params.items() if name not in APPLIED}, device=choices.device)
    job = session.start(spec, {name: choices.params[name] for name in APPLIED})
    return FinishedTransfer(session.worker, snapshot, session.finish(spec, job, progress))


def _send_reference(session: WorkerSession, reference: ChosenReference, selected_only: bool) -> SentReference:
    drawable = reference.drawable
    if drawable is None:
        return SentReference(reference.name, file=reference.path)
    mask_names = tuple(session.send(mask_upload(drawable, mask)) for mask in masks_of(drawable, selected_only))
    return SentReference(reference.name, image=session.send(layer_upload("reference", drawable)), masks=mask_names)
