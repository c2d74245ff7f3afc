"""Compiled kernels over bands of rows, on as many threads as the process may use.

Kernels release the interpreter's lock and write only their own rows, so neither the number of threads nor their timing changes a
result, and nothing spins while another program has the cores.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from .progress import Advance, unwatched

_BANDS_PER_THREAD = 4
BANDS_OF_PICTURES = 64


def count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count(), thread_name_prefix="nct-kernel")


def over_rows(
    kernel: Callable[..., None], rows: int, *arguments: Any, grain: int, advance: Advance = unwatched, bands_per_thread: int = _BANDS_PER_THREAD
) -> None:
    """Calls ``kernel(first, last, *arguments)`` for bands that together cover ``range(rows)``, and waits for all.

    Args:
        kernel: a function that does not hold the interpreter's lock: compiled with ``nogil=True``, or made of such calls.
        rows: how many there are.
        arguments: passed on.
        grain: rows below which a band is not worth a thread.
        advance: called after every band. If it raises, no other band is begun.
        bands_per_thread: more for work on whole pictures, of which a band may take long.
    """
    bands = min(count() * bands_per_thread, rows // max(1, grain))
    if bands < 2 or (count() == 1 and advance is unwatched):
        kernel(0, rows, *arguments)
        advance(1.0)
        return
    edges = [rows * i // bands for i in range(bands + 1)]
    calls = [functools.partial(kernel, first, last, *arguments) for first, last in itertools.pairwise(edges)]
    if count() == 1:
        for number, call in enumerate(calls, 1):
            call()
            advance(number / bands)
        return
    running = [_pool().submit(call) for call in calls]
    try:
        for number, done in enumerate(running, 1):
            done.result()
            advance(number / bands)
    except BaseException:
        for band in running:
            band.cancel()
        wait(running)  # nothing works on when the caller hears of it
        raise
