"""The command line's use of the terminal: warnings, a progress bar and Ctrl+C."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator


def fail(message: str, code: int, debug: bool) -> int:
    """Tells an error in one line, with its traceback before it if asked for; returns the exit code."""
    if debug:
        traceback.print_exc()
    print("nct: error:", " ".join(message.split()), file=sys.stderr)
    return code


class ShownWarnings(logging.Handler):
    """Keeps the library's warnings for the report and shows them."""

    def __init__(self, show: bool) -> None:
        super().__init__(logging.WARNING)
        self.show = show
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.messages.append(message)
        if self.show:
            print("nct: warning:", message, file=sys.stderr)


class ProgressBar:
    """A progress bar on standard error."""

    WIDTH = 30

    def __init__(self, show: bool) -> None:
        self.show = show
        self._shown = ""

    def __call__(self, fraction: float, stage: str) -> None:
        done = round(self.WIDTH * fraction)
        line = f"[{'#' * done}{'.' * (self.WIDTH - done)}] {fraction:4.0%} {stage}"
        if self.show and line != self._shown:
            self._shown = line
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.show:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def interruption_deferred() -> Iterator[None]:
    """Delays Ctrl+C until the end: torch's modules abort the process if it comes while they are being loaded."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: came.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def termination_as_interruption() -> Iterator[None]:
    """Lets SIGTERM, with which schedulers end a job, do what Ctrl+C does: no half-written file stays behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
