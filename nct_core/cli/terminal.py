"""The command line's use of the terminal: warnings, a progress bar, and signals that end the program."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


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
    """The signals that end the program, as exceptions: KeyboardInterrupt for Ctrl+C, SystemExit for SIGTERM and SIGHUP.

    An exception can be lost where a library calls back into Python; :meth:`check` raises it again.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._deferred = False

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handles them, but for those that the program was started to ignore."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        own = {number: signal.getsignal(number) for number in _ENDING}
        own = {number: handler for number, handler in own.items() if handler in (signal.SIG_DFL, signal.default_int_handler)}
        for number in own:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in own.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Delays them until the end: torch's modules abort the process if an exception comes while they are being loaded."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.check()

    def check(self) -> None:
        """Raises what has come, if anything has."""
        if self._came is not None:
            self._end(self._came)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._came = number
        if not self._deferred:
            self._end(number)

    def _end(self, number: int) -> NoReturn:
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
