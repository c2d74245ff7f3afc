"""The worker: answers the GIMP plug-in over its stdin and stdout.

It leaves when its stdin ends, whatever it is doing then: that is how it notices that the plug-in was killed. A thread reads frames, so
that this and canceling work during a transfer; the main thread computes. A cancel is answered at once, by the reading thread; the main
thread notices it within a fraction of a second and goes on to the next job.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from .. import __version__
from ..contract import frames, messages
from ..contract.errors import Cancelled, DeviceError, DeviceLost, InputError, NctError, ProtocolError, WeightsError
from ..contract.headers import Message
from ..contract.texts import Text
from .jobs import MAX_STORED_BYTES, Jobs, Pixels

logger = logging.getLogger(__name__)

MAX_TEXT_CHARACTERS, MAX_DETAIL_CHARACTERS = 1000, 4000  # fit a header, whatever they are escaped to
PROGRESS_STEP = 0.005


@dataclass(frozen=True)
class _Job:
    """Attributes: request; answered: whoever takes it answers the job, the computing thread when it is done or the reading one that cancels it."""

    request: messages.Job
    answered: threading.Lock = field(default_factory=threading.Lock)


class Worker:
    """One connection: reads from ``source``, writes to ``sink``."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._sink_lock = threading.Lock()
        self._work = Jobs()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._named: dict[str, _Job] = {}

    def run(self) -> None:
        """Serves the connection; the process ends in here, as soon as ``source`` does."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        try:
            self._send(_hello())
        except Exception as error:
            self._send_error("", error)
            sys.exit(1)
        _load_library()
        while True:
            self._run_job(self._jobs.get())

    # -- the reading thread

    def _read(self) -> None:
        try:
            while (message := messages.receive(self._source)) is not None and not isinstance(message, messages.Shutdown):
                self._take(message)
        except BaseException as error:  # without its reader the worker could neither be canceled nor end
            self._send_error("", error)
            os._exit(1)
        os._exit(0)  # at once, also where the other thread is computing or holds the log

    def _take(self, message: Message) -> None:
        if isinstance(message, messages.Image):
            self._receive(message)
        elif isinstance(message, messages.Forget):
            self._work.forget(message.id)
        elif isinstance(message, (messages.Transfer, messages.Apply, messages.View)):
            self._named[message.id] = _Job(message)
            self._jobs.put(self._named[message.id])
        elif isinstance(message, messages.Cancel):
            job = self._named.get(message.id)  # which the other thread may drop meanwhile
            if job is not None and job.answered.acquire(blocking=False):
                self._send_error(message.id, Cancelled("the transfer was canceled"))
        else:
            raise ProtocolError(f"expected a message for the worker, got {message!r:.60}")

    def _receive(self, image: messages.Image) -> None:
        layout = image.layout
        stored = self._work.forget(image.id)
        if stored + layout.payload_bytes > MAX_STORED_BYTES:
            frames.skip(self._source, layout.payload_bytes)
            self._work.keep(image.id, InputError(f"expected images of at most {MAX_STORED_BYTES} bytes together, got {stored + layout.payload_bytes}"))
            return
        icc = bytearray(layout.icc)
        frames.read_into(self._source, icc)
        pixels = np.empty((layout.height, layout.width, layout.channels), np.dtype(layout.dtype).newbyteorder("<"))
        frames.read_into(self._source, _bytes_of(pixels))
        self._work.keep(image.id, Pixels(pixels.astype(layout.dtype, copy=False), bytes(icc) or None))
        logger.info("%s %s: %d x %d, %d channels, %s", image.role, image.id, layout.width, layout.height, layout.channels, layout.dtype)

    # -- the computing thread

    def _run_job(self, job: _Job) -> None:
        name, canceled = job.request.id, job.answered.locked
        try:
            pixels, facts = self._compute(job.request, canceled)
        except Exception as error:  # the connection outlives a failed job, and the plug-in must hear of it
            if job.answered.acquire(blocking=False):
                self._send_error(name, error)
            if isinstance(error, DeviceLost):  # for this process; the plug-in starts another
                os._exit(1)
        else:
            if job.answered.acquire(blocking=False):
                if isinstance(job.request, messages.Transfer):
                    self._work.adopt()
                self._send_result(name, pixels, facts)
        if self._named.get(name) is job:
            del self._named[name]

    def _compute(self, request: messages.Job, canceled: Callable[[], bool]) -> tuple[np.ndarray, messages.TransferFacts]:
        from ..runtime import backend

        if canceled():
            raise Cancelled("the transfer was canceled")
        with backend.out_of_memory_as_error("the pictures"):
            if isinstance(request, messages.Transfer):
                return self._work.transfer(request, _Progress(self, request.id), canceled)
            return self._work.apply(request, canceled) if isinstance(request, messages.Apply) else self._work.view(request)

    # -- writing, from both threads

    def _send(self, message: Message, chunks: Iterator[memoryview] | tuple[()] = ()) -> None:
        try:
            with self._sink_lock:
                messages.send(self._sink, message, chunks)
        except OSError:
            os._exit(0)  # the plug-in is gone

    def _send_result(self, name: str, pixels: np.ndarray, facts: messages.TransferFacts) -> None:
        layout = frames.PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name)
        pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
        bands = (_bytes_of(pixels[top : top + rows]) for top, rows in layout.bands())
        self._send(messages.Result(name, facts, layout), bands)

    def _send_error(self, name: str, error: BaseException) -> None:
        detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        if isinstance(error, MemoryError):
            error = DeviceError(Text("out_of_memory"))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # kernels are kept on the disk once they are compiled
            error = DeviceError(Text("disk_full"))
        code, text = (error.code, error.text) if isinstance(error, NctError) else ("internal", Text("worker_failed", type(error).__name__, f"{error!s:.200}"))
        logger.log(logging.INFO if isinstance(error, Cancelled) else logging.ERROR, "%s: %s\n%s", code, text, detail)
        self._send(messages.Error(name, code, text.within(MAX_TEXT_CHARACTERS), detail[-MAX_DETAIL_CHARACTERS:]))


class _Progress:
    """Passes progress on: never backward, and no more often than anyone can see."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker, self._name = worker, name
        self._fraction, self._stage = -1.0, ""

    def __call__(self, fraction: float, stage: str) -> None:
        fraction = max(self._fraction, min(1.0, fraction))
        if fraction - self._fraction >= PROGRESS_STEP or stage != self._stage:
            self._fraction, self._stage = fraction, stage
            self._worker._send(messages.Progress(self._name, fraction, Text.of(stage).within(MAX_TEXT_CHARACTERS)))


def _bytes_of(pixels: np.ndarray) -> memoryview:
    """The memory of contiguous pixels, of either byte order."""
    return pixels.reshape(-1).view(np.uint8).data


def _hello() -> messages.Hello:
    """The greeting; loads torch, which takes a second or more."""
    from ..features import weights
    from ..runtime import backend

    try:
        backbone = weights.find().backbone
    except WeightsError as error:
        logger.warning("%s", error)
        backbone = ""
    devices = tuple(messages.Device(*device) for device in backend.present())
    return messages.Hello(messages.VERSION, __version__, backend.choose("auto").name, devices, backbone)


def _load_library() -> None:
    """Loads what jobs need, which takes seconds, while the user is still choosing."""
    try:
        from .. import pipeline  # noqa: F401
        from ..files import write  # noqa: F401
    except ImportError:
        logger.exception("the library cannot be loaded")  # the first job tries again and says so
