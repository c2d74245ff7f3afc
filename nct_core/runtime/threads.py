"""Compiled kernels over bands of rows, on as many threads as the process may use.

Kernels release the interpreter's lock and write only their own rows, so neither the number of threads nor their timing changes a
result, and no thread spins while another program uses the cores.

The calling thread works on bands as its helper threads do. So a call never depends on a thread that the system did not
start, that has died, or that a fork left behind in the parent: the caller does every band that no helper has begun, and
waits only for bands that a helper is working on. ``concurrent.futures`` does not guarantee this: if a thread dies
because memory ran out, its futures stay pending forever, and ``Thread.start`` waits forever for a thread that dies
before its first line.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

from .progress import Advance, unwatched

_BANDS_PER_THREAD = 4
BANDS_OF_PICTURES = 64
_LOOK_SECONDS = 1.0  # how often a caller that waits for helpers checks that they are alive
_UNHEARD = 16  # a thread that has not begun after this many invitations is given up


def count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_rows(
    kernel: Callable[..., None], rows: int, *arguments: Any, grain: int, advance: Advance = unwatched, bands_per_thread: int = _BANDS_PER_THREAD
) -> None:
    """Calls ``kernel(first, last, *arguments)`` for bands that together cover ``range(rows)``, and waits for all of them.

    Args:
        kernel: a function that does not hold the interpreter's lock: compiled with ``nogil=True``, or made of such calls.
        rows: number of rows.
        arguments: passed on to the kernel.
        grain: least number of rows for which a thread pays off.
        advance: called once for every band, by the calling thread, with the share of bands that are done. If it raises,
            no other band is begun.
        bands_per_thread: bands for each thread; more for work on whole pictures, where a band may take long.

    Raises:
        Exception: the first one that the kernel or ``advance`` raises. No band is running any more when it is raised.

    Example:
        >>> squares = [0] * 100
        >>> over_rows(lambda first, last: squares.__setitem__(slice(first, last), [i * i for i in range(first, last)]), 100, grain=1)
        >>> squares[99]
        9801
    """
    cores = count()
    bands = min(cores * bands_per_thread, rows // max(1, grain))
    if bands < 2 or (cores == 1 and advance is unwatched):
        kernel(0, rows, *arguments)
        advance(1.0)
        return
    edges = [rows * i // bands for i in range(bands + 1)]
    job = _Job(functools.partial(kernel, first, last, *arguments) for first, last in itertools.pairwise(edges))
    reported = 0
    try:
        job.invite(min(cores, bands) - 1)
        while job.do_one():
            while reported < len(job.done):
                reported += 1
                advance(reported / bands)
        job.stop()
        if job.error is not None:
            raise job.error
        if len(job.done) < bands:
            raise RuntimeError(f"expected {bands} bands of rows, but a thread ended in the middle of one; {len(job.done)} are done")
        for number in range(reported + 1, bands + 1):
            advance(number / bands)
    except BaseException:
        job.stop()
        job.error = None  # which refers to this job by its traceback
        raise


class _Job:
    """The bands of one call. Each is taken by one thread; a deque needs no lock for that."""

    def __init__(self, bands: Iterable[Callable[[], None]]) -> None:
        self.done: deque[None] = deque()
        self.error: BaseException | None = None
        self._waiting = deque(bands)
        self._helpers: list[_Helper] = []
        self._left = _thread.allocate_lock()
        self._left.acquire()

    def invite(self, wanted: int) -> None:
        """Invites helpers, and starts missing ones as far as the system allows."""
        with contextlib.suppress(RuntimeError, MemoryError):  # no thread or no memory: the caller does more of the work
            for number in range(wanted):
                self._helpers.append(_helper(number))
                self._helpers[-1].inbox.put(self)

    def do_one(self) -> bool:
        """Does one band; False if none is left or one has failed."""
        try:
            band = self._waiting.popleft()
        except IndexError:
            return False
        try:
            band()
            self.done.append(None)
        except BaseException as error:
            self.error = error
            self._waiting.clear()
            return False
        return True

    def leave(self) -> None:
        """A helper has finished with this job."""
        with contextlib.suppress(RuntimeError):  # another helper has removed it already
            self._left.release()

    def stop(self) -> None:
        """Stops new bands from being taken, and waits for those that helpers are working on."""
        self._waiting.clear()
        while any(helper.job is self for helper in self._helpers):
            self._left.acquire(timeout=_LOOK_SECONDS)


class _Helper:
    """A thread that works on the jobs to which it is invited, one after the other.

    Attributes:
        job: the job that it is working on. It is set before the thread takes a band and cleared however the job ends.
        gone: whether the thread has ended.
    """

    def __init__(self) -> None:
        self.inbox: SimpleQueue[_Job] = SimpleQueue()
        self.job: _Job | None = None
        self.gone = False
        self._begun = False
        _thread.start_new_thread(self._live, ())  # not Thread.start(), which waits without a bound

    def lost(self) -> bool:
        """Whether the thread will never answer, because it has ended or died before it began."""
        return self.gone or (not self._begun and self.inbox.qsize() > _UNHEARD)

    def _live(self) -> None:
        self._begun = True
        try:
            while True:
                job = self.job = self.inbox.get()
                while job.do_one():
                    pass
                self.job = None
                job.leave()
                del job  # and with it the images that it refers to
        except MemoryError:
            pass  # the caller does the rest, and the next call starts another helper
        finally:
            self.gone, self.job = True, None


_helpers: list[_Helper] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.clear)  # the threads stay in the parent


def _helper(number: int) -> _Helper:
    """Returns the helper with this number, and starts it if it is missing.

    Raises:
        RuntimeError, MemoryError: the system cannot start a thread.
    """
    if number < len(_helpers) and not _helpers[number].lost():
        return _helpers[number]
    started = _Helper()
    _helpers[number : number + 1] = [started]
    return started
