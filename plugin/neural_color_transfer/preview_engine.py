"""Previews in a living worker, beside the dialog: the newest wish only, an overtaken transfer is cancelled."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nct_shared.protocol import PixelLayout
from worker_client import Reference, Settings, Worker, WorkerError, WorkerLost

Picture = tuple[str, PixelLayout, bytes]
"""Role, shape and pixels of an image for the worker."""
APPLIED = ("strength", "keep_lightness")
"""The parameters that change how a transfer's result is applied, and not the transfer."""


@dataclass(frozen=True)
class Wish:
    """What the preview shall show.

    Attributes:
        pictures: everything the transfer needs, by name; a name stands for the same pixels for ever.
        source: name of the picture to recolour.
        references: what gives the colours.
        params: of the transfer, but for ``applied``.
        applied: the values of :data:`APPLIED`.
        view: "" for the result, else one of :data:`protocol.VIEWS`.
        masked: whether the result is wanted with its confidence.
        file_side: longer side to which files are reduced.
    """

    pictures: Mapping[str, Picture]
    source: str
    references: Sequence[Reference]
    params: Mapping[str, Any]
    applied: Mapping[str, float]
    view: str
    masked: bool
    file_side: int

    @property
    def transfer(self) -> tuple[object, ...]:
        """What a transfer depends on; the rest is applied to its result."""
        return self.source, [vars(reference) for reference in self.references], dict(self.params)


class PreviewEngine:
    """Starts the worker at once, in a thread of its own.

    Its callbacks are called in that thread: ``ready`` with the worker's greeting, ``progress`` with fraction and words, ``done`` with the wish,
    the result's header, its pixels and its confidence (uint8; None where it is not wanted), ``failed`` with the error: a WorkerLost means no more previews.
    """

    def __init__(
        self,
        settings: Settings,
        ready: Callable[[Mapping[str, Any]], None],
        progress: Callable[[float, str], None],
        done: Callable[[Wish, Mapping[str, Any], bytes, bytes | None], None],
        failed: Callable[[WorkerError], None],
    ) -> None:
        self._settings, self._ready, self._progress, self._done, self._failed = settings, ready, progress, done, failed
        self._wishes: queue.SimpleQueue[Wish | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._running: tuple[str, object] | None = None  # the transfer's job, and what it depends on
        self._newest: object = None
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    def show(self, wish: Wish) -> None:
        """Makes this the wish to fulfil; a transfer that it does not need is cancelled."""
        self._overtake(wish.transfer)
        self._wishes.put(wish)

    def hand_over(self) -> Worker | None:
        """Ends the previews and gives the living worker away; None where it is not usable."""
        self._stop()
        self._thread.join()
        worker, self._worker = self._worker, None
        return worker

    def close(self) -> None:
        """Ends the previews and the worker."""
        self._stop()
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.kill()

    def _stop(self) -> None:
        self._overtake(None)
        self._wishes.put(None)

    def _overtake(self, newest: object) -> None:
        with self._lock:
            self._newest = newest
            if self._running is not None and self._running[1] != newest and self._worker is not None:
                with contextlib.suppress(WorkerError):  # the other thread tells that the worker is gone
                    self._worker.cancel(self._running[0])

    def _run(self) -> None:
        try:
            worker = Worker(self._settings)
            with self._lock:
                self._worker = worker
            self._ready(worker.hello())
            self._serve(worker)
        except WorkerLost as error:
            with self._lock:
                self._worker = None
            self._failed(error)

    def _serve(self, worker: Worker) -> None:
        sent: set[str] = set()
        last: tuple[str, object] | None = None
        while (wish := self._next()) is not None:
            for name in [name for name in wish.pictures if name not in sent]:
                role, layout, pixels = wish.pictures[name]
                worker.send_image(name, role, layout, b"", [pixels])
                sent.add(name)
            try:
                if last is None or last[1] != wish.transfer:
                    last = None
                    job = self._start(worker, wish)
                    result = worker.wait(job, self._progress)
                    last = (job, wish.transfer)
                    if wish.view:
                        worker.drain(result)
                        result = worker.wait(worker.view(job, wish.view), self._progress)
                else:
                    job = worker.view(last[0], wish.view) if wish.view else worker.apply(last[0], **wish.applied)
                    result = worker.wait(job, self._progress)
                pixels = _pixels(worker, result)
                confidence = None
                if wish.masked and not wish.view:
                    confidence = _pixels(worker, worker.wait(worker.view(last[0], "confidence"), self._progress))
                self._done(wish, result, pixels, confidence)
            except WorkerLost:
                raise
            except WorkerError as error:
                if error.code != "cancelled":
                    self._failed(error)
            finally:
                with self._lock:
                    self._running = None

    def _start(self, worker: Worker, wish: Wish) -> str:
        with self._lock:
            job = worker.transfer(wish.source, wish.references, {**wish.params, **wish.applied}, file_side=wish.file_side)
            self._running = (job, wish.transfer)
            if self._newest != wish.transfer:  # overtaken between the queue and here
                worker.cancel(job)
            return job

    def _next(self) -> Wish | None:
        """Waits for a wish; skips those that newer ones have overtaken."""
        wish = self._wishes.get()
        while wish is not None and not self._wishes.empty():
            wish = self._wishes.get()
        return wish


def _pixels(worker: Worker, result: Mapping[str, Any]) -> bytes:
    return b"".join(bytes(band) for _, _, band in worker.bands(dict(result)))
