"""Computes previews in a thread beside the dialog: a draft at once, then the exact transfer, always for the newest request only."""

from __future__ import annotations

import math
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nct_shared.errors import NctError
from nct_shared.messages import Hello, Result
from nct_shared.texts import Text

from .client import Worker, WorkerLost, WorkerSettings
from .session import TransferSpec, Upload, WorkerSession

SETTLE_SECONDS = 0.6  # without a newer request, before the exact transfer starts
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.2  # within which it is noticed that an idle worker has ended


@dataclass(frozen=True)
class PreviewRequest:
    """What the preview should show.

    Attributes:
        uploads: all images that the draft needs, by name.
        draft: the transfer at a small size.
        exact: the transfer at the chosen size, whose images the worker has already; None while it does not have them.
        applied: the values of :data:`session.APPLIED`.
        view: "" for the result, else one of :data:`messages.VIEWS`.
        masked: whether the result is shown with its confidence.
    """

    uploads: Mapping[str, Upload]
    draft: TransferSpec
    exact: TransferSpec | None
    applied: Mapping[str, float]
    view: str
    masked: bool

    def serves(self, newer: PreviewRequest, exact: bool) -> bool:
        """Returns whether the draft of this request, or its exact transfer if ``exact``, also shows what the newer request wants."""
        return (self.draft, self.view) == (newer.draft, newer.view) and not (exact and newer.exact not in (None, self.exact))


@dataclass(frozen=True)
class Preview:
    """A computed preview.

    Attributes:
        exact: True for the exact transfer, False for a draft.
        result: the result or view.
        pixels: its pixels, in its layout.
        confidence: one uint8 per pixel; None where it was not requested.
    """

    exact: bool
    result: Result
    pixels: bytes
    confidence: bytes | None


@dataclass(frozen=True)
class _RunningTransfer:
    job: str
    spec: TransferSpec
    request: PreviewRequest


class PreviewEngine:
    """Starts a worker in a thread of its own and computes previews there until :meth:`hand_over` or :meth:`close`.

    A worker that is lost, at work or idle, is replaced by a new one, once. The new one has none of the images: the newest request is shown again
    as a draft, and ``ready`` is called again.

    The callbacks are called in that thread: ``ready`` with the worker's greeting, ``progress`` with a fraction and the stage, ``done`` with the
    request and its preview, ``failed`` with the error. After a WorkerLost there are no more previews. Whatever else happens in the thread is told as one.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        ready: Callable[[Hello], None],
        progress: Callable[[float, Text], None],
        done: Callable[[PreviewRequest, Preview], None],
        failed: Callable[[NctError], None],
    ) -> None:
        self._settings, self._ready, self._progress, self._done, self._failed = settings, ready, progress, done, failed
        self._requests: queue.SimpleQueue[PreviewRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._session: WorkerSession | None = None
        self._running: _RunningTransfer | None = None
        self._newest: PreviewRequest | None = None
        self._last_progress: tuple[float, Text] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    @property
    def session(self) -> WorkerSession | None:
        """The worker's session; None before the worker is ready and after it is lost."""
        return self._session

    def show(self, request: PreviewRequest) -> None:
        """Makes this the newest request. A running transfer that does not serve it is canceled."""
        self._replace(request)
        self._requests.put(request)

    def show_nothing(self) -> None:
        """Cancels the running transfer, because no preview is wanted now."""
        self._replace(None)

    def hand_over(self, spec: TransferSpec | None, progress: Callable[[float, Text], None]) -> WorkerSession | None:
        """Ends the previews and gives away the session with its running worker; None if there is no usable worker.

        Args:
            spec: the transfer that comes next; if it is running already, this waits until it is finished.
            progress: called while this waits.
        """
        with self._lock:
            finishing = spec is not None and self._running is not None and self._running.spec == spec
        if not finishing:
            self._replace(None)
        self._requests.put(None)
        while self._thread.is_alive():
            self._thread.join(_POLL_SECONDS)
            if finishing and self._last_progress is not None:
                progress(*self._last_progress)
        session, self._session = self._session, None
        return session

    def close(self) -> None:
        """Ends the previews and the worker."""
        with self._lock:
            self._closed, worker = True, self._worker
        self._requests.put(None)
        if worker is not None:
            worker.kill()

    def _replace(self, newest: PreviewRequest | None) -> None:
        with self._lock:
            self._newest = newest
            if self._running is not None and not self._is_wanted(self._running) and self._worker is not None:
                self._worker.cancel(self._running.job)

    def _is_wanted(self, running: _RunningTransfer) -> bool:
        """Returns whether the newest request should wait for this transfer."""
        newest, request = self._newest, running.request
        if newest is None:
            return False
        if running.spec == request.draft:
            return running.spec == newest.draft
        return request.serves(newest, exact=True) and (request.applied, request.masked) == (newest.applied, newest.masked)

    def _run(self) -> None:
        try:
            try:
                self._serve(self._start())
            except WorkerLost:
                if self._session is None or self._closed:  # it never began to work, or is not wanted any more
                    raise
                self._drop_worker()
                self._report(0.0, Text("starting_again"))
                session = self._start()
                if self._newest is not None:
                    self._requests.put(self._newest)
                self._serve(session)
        except WorkerLost as error:
            self._give_up(error)
        except Exception as error:  # a thread that dies without a word would leave the dialog waiting
            self._give_up(WorkerLost("internal", Text("plugin_failed", type(error).__name__, str(error)), traceback.format_exc()))

    def _start(self) -> WorkerSession:
        """Starts a worker and waits for its greeting."""
        worker = Worker(self._settings)
        with self._lock:
            self._worker = worker
            closed = self._closed
        if closed:
            worker.kill()
        hello = worker.hello()
        self._session = WorkerSession(worker)
        self._ready(hello)
        return self._session

    def _drop_worker(self) -> None:
        with self._lock:
            worker, self._worker, self._session = self._worker, None, None
        if worker is not None:
            worker.kill()

    def _give_up(self, error: WorkerLost) -> None:
        self._drop_worker()
        self._failed(error)

    def _serve(self, session: WorkerSession) -> None:
        request = self._next(session, None)
        while request is not None:
            exact = request.exact if request.exact is not None and session.knows(request.exact) else None
            finished = bool(session.finished_job(exact))
            self._preview(session, request, exact if exact is not None and finished else request.draft)
            try:
                request = self._next(session, SETTLE_SECONDS if exact is not None and not finished else None)
            except queue.Empty:
                assert request is not None and exact is not None
                self._preview(session, request, exact)
                request = self._next(session, None)

    def _preview(self, session: WorkerSession, request: PreviewRequest, spec: TransferSpec) -> None:
        """Computes and reports the preview by the draft or the exact transfer. An error is reported, a cancellation is not."""
        onto = request.draft.source
        try:
            for name, upload in request.uploads.items():
                session.send_as(name, upload, upload.read())
            if not session.finished_job(spec) or not request.view:
                result = self._transfer(session, request, spec)
                pixels = _pixels(session.worker, result)
            if request.view:
                result, pixels = self._view(session, spec, request.view, onto)
            confidence = self._view(session, spec, "confidence", onto)[1] if request.masked and not request.view else None
            self._done(request, Preview(spec == request.exact, result, pixels, confidence))
        except WorkerLost:
            raise
        except NctError as error:
            if error.code != "canceled":
                self._failed(error)
        finally:
            with self._lock:
                self._running = None

    def _transfer(self, session: WorkerSession, request: PreviewRequest, spec: TransferSpec) -> Result:
        finished = session.finished_job(spec)
        job = session.start(spec, request.applied, request.draft.source)
        if not finished:
            with self._lock:
                self._running = _RunningTransfer(job, spec, request)
                if not self._is_wanted(self._running):  # a newer request came after this one was taken from the queue
                    session.worker.cancel(job)
        return session.finish(spec, job, self._report)

    def _view(self, session: WorkerSession, spec: TransferSpec, kind: str, onto: str) -> tuple[Result, bytes]:
        result = session.worker.wait(session.worker.view(session.finished_job(spec), kind, onto=onto), self._report)
        return result, _pixels(session.worker, result)

    def _report(self, fraction: float, stage: Text) -> None:
        self._last_progress = fraction, stage
        self._progress(fraction, stage)

    def _next(self, session: WorkerSession, timeout_seconds: float | None) -> PreviewRequest | None:
        """Waits for a request and skips those that were replaced by newer ones; None means that the previews end.

        Raises:
            queue.Empty: no request came in time.
            WorkerLost: the worker has ended meanwhile.
        """
        until = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            try:
                request = self._requests.get(timeout=max(0.0, min(_WATCH_SECONDS, until - time.monotonic())))
                break
            except queue.Empty:
                session.worker.check()
                if time.monotonic() >= until:
                    raise
        while request is not None and not self._requests.empty():
            request = self._requests.get()
        return request


def _pixels(worker: Worker, result: Result) -> bytes:
    return b"".join(bytes(band) for _, _, band in worker.bands(result))
