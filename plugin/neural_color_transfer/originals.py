"""Sends the full-size pictures of a transfer to the worker little by little, while the dialog goes on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from gi.repository import GLib
from nct_shared.errors import NctError
from nct_shared.frames import Chunk
from plans import Picture, Prepared
from worker_client import WorkerError

Makers = Mapping[Hashable, Callable[[], Picture]]
"""What makes each picture that is wanted, by what tells it from others without a look at its pixels."""


class Originals:
    """GIMP's pictures can be read in the dialog's own thread alone; one band is read whenever that has nothing else to do."""

    def __init__(self, prepared: Callable[[], Prepared | None], sent: Callable[[], None]) -> None:
        """Begins with nothing.

        Args:
            prepared: tells the worker, once there is one.
            sent: called when the worker has got all that is wanted.
        """
        self._prepared, self._sent = prepared, sent
        self._names: dict[Hashable, str] = {}
        self._wanted: Makers = {}
        self._source = 0

    def names(self, wanted: Makers) -> dict[Hashable, str] | None:
        """The names of these pictures; None where the worker has not got them all."""
        return {key: self._names[key] for key in wanted} if self._names.keys() >= wanted.keys() else None

    def send(self, wanted: Makers) -> None:
        """Sends what is wanted, in place of what was wanted before, and forgets what is not."""
        prepared = self._prepared()
        if prepared is None or (self._source and self._wanted.keys() == wanted.keys()):
            return
        self.stop()
        self._wanted = wanted
        gone = {self._names.pop(key) for key in self._names.keys() - wanted.keys()}
        prepared.forget(gone.difference(self._names.values()))
        if self.names(wanted) is None:
            self._source = GLib.idle_add(self._step, self._steps(prepared), priority=GLib.PRIORITY_LOW)

    def stop(self) -> None:
        """Sends no more."""
        if self._source:
            GLib.source_remove(self._source)
            self._source = 0

    def _steps(self, prepared: Prepared) -> Iterator[None]:
        for key in [key for key in self._wanted if key not in self._names]:
            picture = self._wanted[key]()
            bands: list[Chunk] = []
            name = yield from picture.naming(bands)
            prepared.send_as(name, picture, bands)
            self._names[key] = name
            yield

    def _step(self, steps: Iterator[None]) -> bool:
        try:
            next(steps)
            return bool(GLib.SOURCE_CONTINUE)
        except StopIteration:
            self._source = 0
            self._sent()
        except (ValueError, NctError, WorkerError):  # a layer is too large or gone, or the worker is: the dialog, the engine or the run says so
            self._source = 0
        return bool(GLib.SOURCE_REMOVE)
