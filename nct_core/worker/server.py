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
from ..contract import frames
from ..contract.errors import Cancelled, DeviceError, DeviceLost, NctError, ProtocolError, WeightsError
from .jobs import MAX_STORED_BYTES, Facts, Jobs, Pixels

logger = logging.getLogger(__name__)

MAX_MESSAGE_CHARACTERS, MAX_DETAIL_CHARACTERS = 1000, 4000  # fit a header, whatever they are escaped to
PROGRESS_STEP = 0.005


@dataclass(frozen=True)
class _Job:
    """Attributes: header; answered: whoever takes it answers the job, the computing thread when it is done or the reading one that cancels it."""

    header: frames.Header
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
            while (header := frames.read_header(self._source)) is not None and header["type"] != "shutdown":
                self._take(header)
        except BaseException as error:  # without its reader the worker could neither be canceled nor end
            self._send_error("", error)
            os._exit(1)
        os._exit(0)  # at once, also where the other thread is computing or holds the log

    def _take(self, header: frames.Header) -> None:
        kind, name = header["type"], header.get("id", "")
        if kind == "image":
            self._receive(header)
        elif kind == "forget":
            self._work.forget(name)
        elif kind in ("transfer", "apply", "view"):
            self._named[name] = _Job(header)
            self._jobs.put(self._named[name])
        elif kind == "cancel":
            if name in self._named and self._named[name].answered.acquire(blocking=False):
                self._send_error(name, Cancelled("the transfer was canceled"))
        else:
            raise ProtocolError(f"expected a message for the worker, got {kind!r}")

    def _receive(self, header: frames.Header) -> None:
        layout = frames.PixelLayout.of(header)
        stored = self._work.forget(header["id"])
        if stored + layout.payload_bytes > MAX_STORED_BYTES:
            raise ProtocolError(f"expected images of at most {MAX_STORED_BYTES} bytes together, got {stored + layout.payload_bytes}")
        icc = bytearray(layout.icc)
        frames.read_into(self._source, icc)
        pixels = np.empty((layout.height, layout.width, layout.channels), np.dtype(layout.dtype).newbyteorder("<"))
        frames.read_into(self._source, _bytes_of(pixels))
        self._work.keep(header["id"], Pixels(pixels.astype(layout.dtype, copy=False), bytes(icc) or None))
        logger.info("%s %s: %d x %d, %d channels, %s", header["role"], header["id"], layout.width, layout.height, layout.channels, layout.dtype)

    # -- the computing thread

    def _run_job(self, job: _Job) -> None:
        name, canceled = job.header["id"], job.answered.locked
        try:
            pixels, facts = self._compute(job.header, canceled)
        except Exception as error:  # the connection outlives a failed job, and the plug-in must hear of it
            if job.answered.acquire(blocking=False):
                self._send_error(name, error)
            if isinstance(error, DeviceLost):  # for this process; the plug-in starts another
                os._exit(1)
        else:
            if job.answered.acquire(blocking=False):
                if job.header["type"] == "transfer":
                    self._work.adopt()
                self._send_result(name, pixels, facts)
        if self._named.get(name) is job:
            del self._named[name]

    def _compute(self, header: frames.Header, canceled: Callable[[], bool]) -> tuple[np.ndarray, Facts]:
        from ..runtime import backend

        if canceled():
            raise Cancelled("the transfer was canceled")
        with backend.out_of_memory_as_error("the pictures"):
            if header["type"] == "transfer":
                return self._work.transfer(header, _Progress(self, header["id"]), canceled)
            return self._work.apply(header, canceled) if header["type"] == "apply" else self._work.view(header)

    # -- writing, from both threads

    def _send(self, header: frames.Header, chunks: Iterator[memoryview] | tuple[()] = ()) -> None:
        try:
            with self._sink_lock:
                frames.write_frame(self._sink, header, chunks)
        except OSError:
            os._exit(0)  # the plug-in is gone

    def _send_result(self, name: str, pixels: np.ndarray, facts: Facts) -> None:
        layout = frames.PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name)
        pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
        bands = (_bytes_of(pixels[top : top + rows]) for top, rows in layout.bands())
        self._send({"type": "result", "id": name, **facts, **layout.fields()}, bands)

    def _send_error(self, name: str, error: BaseException) -> None:
        detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        if isinstance(error, MemoryError):
            error = DeviceError("expected enough memory for the pictures, but the machine has no more; use smaller pictures or close other programs")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # kernels are kept on the disk once they are compiled
            error = DeviceError("expected room on the disk for the worker's compiled code, but it is full; make room and try again")
        code = error.code if isinstance(error, NctError) else "internal"
        message = str(error) if isinstance(error, NctError) else f"the worker failed unexpectedly ({type(error).__name__}: {error!s:.200})"
        logger.log(logging.INFO if isinstance(error, Cancelled) else logging.ERROR, "%s: %s\n%s", code, message, detail)
        self._send({"type": "error", "id": name, "code": code, "message": message[:MAX_MESSAGE_CHARACTERS], "detail": detail[-MAX_DETAIL_CHARACTERS:]})


class _Progress:
    """Passes progress on: never backwards, and no more often than anyone can see."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker, self._name = worker, name
        self._fraction, self._stage = -1.0, ""

    def __call__(self, fraction: float, stage: str) -> None:
        fraction = max(self._fraction, min(1.0, fraction))
        if fraction - self._fraction >= PROGRESS_STEP or stage != self._stage:
            self._fraction, self._stage = fraction, stage
            self._worker._send({"type": "progress", "id": self._name, "fraction": fraction, "stage": stage})


def _bytes_of(pixels: np.ndarray) -> memoryview:
    """The memory of contiguous pixels, of either byte order."""
    return pixels.reshape(-1).view(np.uint8).data


def _hello() -> frames.Header:
    """The greeting; loads torch, which takes a second or more."""
    from ..features import weights
    from ..runtime import backend

    try:
        backbone = weights.find().backbone
    except WeightsError as error:
        logger.warning("%s", error)
        backbone = ""
    device = backend.choose("auto").name
    return {"type": "hello", "protocol": frames.VERSION, "version": __version__, "device": device, "backbone": backbone}


def _load_library() -> None:
    """Loads what jobs need, which takes seconds, while the user is still choosing."""
    try:
        from .. import pipeline  # noqa: F401
        from ..files import write  # noqa: F401
    except ImportError:
        logger.exception("the library cannot be loaded")  # the first job tries again and says so
