"""The command line's use of the terminal: warnings, a progress bar, and signals that end the program."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


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


class Signals:
    """The signals that end the program, as KeyboardInterrupt: Ctrl+C, SIGTERM (schedulers end a job so) and SIGHUP (a terminal is closed).

    An exception can be lost where a library calls back into Python; :meth:`check` raises it again.
    """

    def __init__(self) -> None:
        self._came = self._deferred = self._handling = False
        self._own: dict[int, Any] = {}

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handles them, but for those that the program was started to ignore.

        SIGTERM and SIGHUP keep their own effect, the end at once, until the libraries are loaded: nothing is written before, and a
        library that is short of memory may never return to Python.
        """
        self._came, self._handling = False, threading.current_thread() is threading.main_thread()
        self._take(signal.SIGINT)
        try:
            yield
        finally:
            self._handling = False
            for number, handler in self._own.items():
                signal.signal(number, handler)
            self._own.clear()

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Delays them until the end: torch's modules abort the process if an exception comes while they are being loaded."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        for number in _ENDING:
            self._take(number)
        self.check()

    def _take(self, number: int) -> None:
        handler = signal.getsignal(number)
        if self._handling and number not in self._own and handler in (signal.SIG_DFL, signal.default_int_handler):
            self._own[number] = handler
            signal.signal(number, self._handle)

    def check(self) -> None:
        """Raises KeyboardInterrupt if one has come."""
        if self._came:
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if not self._deferred:
            raise KeyboardInterrupt


signals = Signals()
"""Those of this process."""
