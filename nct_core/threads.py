"""Compiled kernels over bands of rows, on as many threads as the process may use.

Kernels release the interpreter's lock and write only their own rows, so neither the number of threads nor their timing changes a
result, and nothing spins while another program has the cores.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_BANDS_PER_THREAD = 4


def count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count(), thread_name_prefix="nct-kernel")


def over_rows(kernel: Callable[..., None], rows: int, *arguments: Any, grain: int) -> None:
    """Calls ``kernel(first, last, *arguments)`` for bands that together cover ``range(rows)``, and waits for all.

    Args:
        kernel: a function that does not hold the interpreter's lock: compiled with ``nogil=True``, or made of such calls.
        rows: how many there are.
        arguments: passed on.
        grain: rows below which a band is not worth a thread.
    """
    bands = min(count() * _BANDS_PER_THREAD, rows // max(1, grain))
    if bands < 2 or count() == 1:
        kernel(0, rows, *arguments)
        return
    edges = [rows * i // bands for i in range(bands + 1)]
    for done in [_pool().submit(kernel, first, last, *arguments) for first, last in itertools.pairwise(edges)]:
        done.result()
