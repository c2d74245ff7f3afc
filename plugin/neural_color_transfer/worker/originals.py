"""Sends the full-size images of a transfer to the worker little by little, while the dialog stays usable."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from gi.repository import GLib
from nct_shared.errors import NctError

from .session import Upload, WorkerSession

UploadMakers = Mapping[Hashable, Callable[[], Upload]]
"""By the key of each original (see :class:`WorkerSession`), a function that describes it."""


class OriginalSender:
    """Reads one band of an original whenever the dialog's thread is idle, because GIMP's drawables can be read in that thread only."""

    def __init__(self, session: Callable[[], WorkerSession | None], sent: Callable[[], None]) -> None:
        """Sends nothing yet.

        Args:
            session: returns the worker's session, None while there is no worker.
            sent: called when the worker has all originals that are wanted.
        """
        self._session, self._sent = session, sent
        self._wanted: UploadMakers = {}
        self._idle = 0

    def send(self, wanted: UploadMakers) -> None:
        """Sends these originals instead of those wanted before, and lets the worker forget all others."""
        session = self._session()
        if session is None or (self._idle and self._wanted.keys() == wanted.keys()):
            return
        self.stop()
        self._wanted = wanted
        session.keep_originals(wanted.keys())
        if session.original_names(wanted.keys()) is None:
            self._idle = GLib.idle_add(self._step, self._steps(session), priority=GLib.PRIORITY_LOW)

    def stop(self) -> None:
        """Stops sending."""
        if self._idle:
            GLib.source_remove(self._idle)
            self._idle = 0

    def _steps(self, session: WorkerSession) -> Iterator[None]:
        for key, make in self._wanted.items():
            if session.original_names([key]) is None:
                yield from session.send_original(key, make())

    def _step(self, steps: Iterator[None]) -> bool:
        try:
            next(steps)
            return bool(GLib.SOURCE_CONTINUE)
        except StopIteration:
            self._idle = 0
            self._sent()
        except NctError:  # a layer is too large or gone, or the worker is gone: others report it
            self._idle = 0
        return bool(GLib.SOURCE_REMOVE)
