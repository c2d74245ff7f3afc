"""Previews in a living worker, beside the dialog: a draft at once and then the true transfer, of the newest wish only."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nct_shared.frames import Header
from plans import Picture, Plan, Prepared
from worker_client import Settings, Worker, WorkerError, WorkerLost

REST_SECONDS = 0.6  # without another wish, before the true transfer starts
_TURN_SECONDS = 0.05


@dataclass(frozen=True)
class Wish:
    """What the preview shall show.

    Attributes:
        pictures: everything that the draft needs, by name.
        draft: the transfer at a small size.
        exact: the true one, whose pictures the worker has already; None while it has not.
        applied: the values of :data:`plans.APPLIED`.
        view: "" for the result, else one of :data:`frames.VIEWS`.
        masked: whether the result is wanted with its confidence.
    """

    pictures: Mapping[str, Picture]
    draft: Plan
    exact: Plan | None
    applied: Mapping[str, float]
    view: str
    masked: bool

    def agrees_with(self, newer: Wish, exact: bool) -> bool:
        """Whether the newer wish can make use of what this one's draft, or its true transfer, shows."""
        return (self.draft, self.view) == (newer.draft, newer.view) and not (exact and newer.exact not in (None, self.exact))


@dataclass(frozen=True)
class Shown:
    """What a wish has come to.

    Attributes:
        exact: whether it is the true transfer's, and not the draft.
        header: of the result or view.
        pixels: of it.
        confidence: uint8; None where it is not wanted.
    """

    exact: bool
    header: Header
    pixels: bytes
    confidence: bytes | None


class PreviewEngine:
    """Starts the worker at once, in a thread of its own.

    Its callbacks are called in that thread: ``ready`` with the worker's greeting, ``progress`` with fraction and words, ``done`` with the wish and what is
    shown, ``failed`` with the error: a WorkerLost means no more previews.
    """

    def __init__(
        self,
        settings: Settings,
        ready: Callable[[Mapping[str, Any]], None],
        progress: Callable[[float, str], None],
        done: Callable[[Wish, Shown], None],
        failed: Callable[[WorkerError], None],
    ) -> None:
        self._settings, self._ready, self._progress, self._done, self._failed = settings, ready, progress, done, failed
        self._wishes: queue.SimpleQueue[Wish | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._prepared: Prepared | None = None
        self._running: tuple[str, Plan, Wish] | None = None  # the transfer's job, its plan, and for whom
        self._newest: Wish | None = None
        self._at = (0.0, "")
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    @property
    def prepared(self) -> Prepared | None:
        """The worker, to send pictures to; None before it is ready, and when it is gone."""
        return self._prepared

    def show(self, wish: Wish) -> None:
        """Makes this the wish to fulfill; a transfer that it does not need, or that it would have to wait for, is canceled."""
        self._overtake(wish)
        self._wishes.put(wish)

    def rest(self) -> None:
        """Cancels what is in hand: nothing is wanted now."""
        self._overtake(None)

    def hand_over(self, plan: Plan | None, progress: Callable[[float, str], None]) -> Prepared | None:
        """Ends the previews and gives the living worker away; None where it is not usable.

        Args:
            plan: the transfer that comes next; where it is in hand already, it is waited for.
            progress: called meanwhile.
        """
        with self._lock:
            finishing = plan is not None and self._running is not None and self._running[1] == plan
        if not finishing:
            self._overtake(None)
        self._wishes.put(None)
        while self._thread.is_alive():
            self._thread.join(_TURN_SECONDS)
            if finishing:
                progress(*self._at)
        prepared, self._prepared = self._prepared, None
        return prepared

    def close(self) -> None:
        """Ends the previews and the worker."""
        self._overtake(None)
        self._wishes.put(None)
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.kill()

    def _overtake(self, newest: Wish | None) -> None:
        with self._lock:
            self._newest = newest
            if self._running is not None and not self._wanted(self._running) and self._worker is not None:
                with contextlib.suppress(WorkerError):  # the other thread tells that the worker is gone
                    self._worker.cancel(self._running[0])

    def _wanted(self, running: tuple[str, Plan, Wish]) -> bool:
        """Whether the newest wish has nothing better to do than to wait for this transfer."""
        _, plan, wish = running
        newest = self._newest
        if newest is None or plan == wish.draft:
            return newest is not None and plan == newest.draft
        return wish.agrees_with(newest, True) and (wish.applied, wish.masked) == (newest.applied, newest.masked)

    def _run(self) -> None:
        try:
            worker = Worker(self._settings)
            with self._lock:
                self._worker = worker
            hello = worker.hello()
            self._prepared = Prepared(worker)
            self._ready(hello)
            self._serve(self._prepared)
        except WorkerLost as error:
            with self._lock:
                self._worker = self._prepared = None
            self._failed(error)

    def _serve(self, prepared: Prepared) -> None:
        wish = self._next(None)
        while wish is not None:
            exact = wish.exact if prepared.done(wish.exact) else None
            self._fulfill(prepared, wish, exact or wish.draft)
            try:
                wish = self._next(REST_SECONDS if wish.exact is not None and exact is None else None)
            except queue.Empty:
                assert wish is not None and wish.exact is not None
                self._fulfill(prepared, wish, wish.exact)
                wish = self._next(None)

    def _fulfill(self, prepared: Prepared, wish: Wish, plan: Plan) -> None:
        """Shows the wish by one of its plans; a failure is told, an overtaken one is not."""
        onto = wish.draft.source
        try:
            for name, picture in wish.pictures.items():
                prepared.send_as(name, picture, picture.read())
            if not prepared.done(plan) or not wish.view:
                result = self._transferred(prepared, wish, plan)
                pixels = _pixels(prepared.worker, result)
            if wish.view:
                result, pixels = self._view(prepared, plan, wish.view, onto)
            confidence = self._view(prepared, plan, "confidence", onto)[1] if wish.masked and not wish.view else None
            self._done(wish, Shown(plan == wish.exact, result, pixels, confidence))
        except WorkerLost:
            raise
        except WorkerError as error:
            if error.code != "canceled":
                self._failed(error)
        finally:
            with self._lock:
                self._running = None

    def _transferred(self, prepared: Prepared, wish: Wish, plan: Plan) -> Header:
        with self._lock:
            done = prepared.done(plan)
            job = prepared.start(plan, wish.applied, wish.draft.source)
            if not done:
                self._running = job, plan, wish
                if not self._wanted(self._running):  # overtaken between the queue and here
                    prepared.worker.cancel(job)
        return prepared.finish(plan, job, self._tell)

    def _view(self, prepared: Prepared, plan: Plan, kind: str, onto: str) -> tuple[Header, bytes]:
        shown = prepared.worker.wait(prepared.worker.view(prepared.done(plan), kind, onto=onto), self._tell)
        return shown, _pixels(prepared.worker, shown)

    def _tell(self, fraction: float, stage: str) -> None:
        self._at = fraction, stage
        self._progress(fraction, stage)

    def _next(self, patience: float | None) -> Wish | None:
        """Waits for a wish, so many seconds; skips those that newer ones have overtaken."""
        wish = self._wishes.get(timeout=patience)
        while wish is not None and not self._wishes.empty():
            wish = self._wishes.get()
        return wish


def _pixels(worker: Worker, result: Header) -> bytes:
    return b"".join(bytes(band) for _, _, band in worker.bands(result))
