"""Bands on threads: all are done whatever becomes of the threads, and nothing runs on after an error."""

import _thread
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from nct_core.runtime import threads

ROWS = 100


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 4)
    monkeypatch.setattr(threads, "_helpers", [])


def replace_do_one(monkeypatch, do_one):
    """In the jobs that come now: a helper of an earlier test may still come late to a job of that test, and must find it as it was."""
    monkeypatch.setattr(threads, "_Job", type("Job", (threads._Job,), {"do_one": do_one}))


def run(*, alone=False):
    """Does all rows once and returns the threads that took part. Unless it is ``alone`` no band ends before a second thread has begun one."""
    rows, seen, joined = np.zeros(ROWS, int), set(), threading.Event()

    def band(first, last):
        seen.add(threading.get_ident())
        if len(seen) > 1:
            joined.set()
        assert alone or joined.wait(60)
        rows[first:last] += 1

    threads.over_rows(band, ROWS, grain=1)
    np.testing.assert_array_equal(rows, 1)
    return seen


def test_every_row_is_done_once_on_several_threads_which_stay():
    assert len(run()) > 1
    helpers = list(threads._helpers)
    assert len(run()) > 1 and threads._helpers == helpers


def test_shares_rise_by_one_band_at_a_time():
    told = []
    threads.over_rows(lambda first, last: None, ROWS, grain=1, advance=told.append)
    assert told == [number / 16 for number in range(1, 17)]


@pytest.mark.parametrize("problem", [RuntimeError("can't start new thread"), MemoryError()])
def test_threads_that_the_system_does_not_start(monkeypatch, problem):
    def refuse(*_):
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        assert run(alone=True) == {threading.get_ident()}
    assert len(run()) > 1


def test_threads_that_die_before_they_begin(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda *_: 1)
        for _ in range(threads._UNHEARD + 2):
            assert run(alone=True) == {threading.get_ident()}
    for _ in range(threads._UNHEARD + 1):
        run(alone=True)
    assert len(run()) > 1


def test_threads_that_die_later(monkeypatch):
    """While they take a band, after which none is in hand, and while they wait for the next job."""
    caller, take = threading.get_ident(), threads._Job.do_one

    def die(job):
        if threading.get_ident() != caller:
            raise MemoryError
        return take(job)

    with monkeypatch.context() as patch:
        replace_do_one(patch, die)
        for _ in range(3):
            assert run(alone=True) == {caller}
    until = time.monotonic() + 60
    while not all(helper.gone for helper in threads._helpers):  # one that dies after the next invitation takes it along
        assert time.monotonic() < until
        time.sleep(0.001)
    assert len(run()) > 1


def test_a_thread_that_dies_in_a_band_is_an_error(monkeypatch):
    """Its rows may be half done: neither a result nor a wait without end."""
    caller, take, lost = threading.get_ident(), threads._Job.do_one, threading.Event()

    def lose(job):
        if threading.get_ident() != caller:
            if not lost.is_set():
                with contextlib.suppress(IndexError):
                    job._waiting.popleft()
                lost.set()
            raise MemoryError
        return take(job)

    replace_do_one(monkeypatch, lose)
    with pytest.raises(RuntimeError, match="ended in the middle"):
        threads.over_rows(lambda first, last: lost.wait(60), ROWS, grain=1)


@pytest.mark.parametrize("where", ["caller", "helper", "advance"])
def test_no_band_writes_after_an_error(where):
    caller, begun, ended, helped = threading.get_ident(), [], [], threading.Event()

    def band(first, last):
        begun.append(first)
        if threading.get_ident() != caller:
            helped.set()
        helped.wait(60)
        time.sleep(0.02)
        ended.append(first)
        if where == ("caller" if threading.get_ident() == caller else "helper"):
            raise ValueError("a band")

    def advance(_):
        if where == "advance":
            raise ValueError("no more")

    with pytest.raises(ValueError):
        threads.over_rows(band, ROWS, grain=1, advance=advance)
    assert len(begun) == len(ended) < 16
    time.sleep(0.05)
    assert len(begun) == len(ended) < 16


def test_an_error_keeps_nothing_alive():
    class Arrays:
        pass

    kept = Arrays()
    gone = weakref.ref(kept)

    def band(_first, _last, _arrays):
        raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError):
            threads.over_rows(band, ROWS, kept, grain=1)
        del kept
        assert gone() is None
    finally:
        gc.enable()


def test_bands_that_call_for_bands_and_callers_at_the_same_time():
    rows = np.zeros((ROWS, ROWS), int)

    def inner(first, last, row):
        rows[row, first:last] += 1

    def outer(first, last):
        for row in range(first, last):
            threads.over_rows(inner, ROWS, row, grain=1)

    callers = [threading.Thread(target=threads.over_rows, args=(outer, ROWS), kwargs={"grain": 1}) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    np.testing.assert_array_equal(rows, 3)


FORK = """
import os, signal, threading
import numpy as np
from nct_core.runtime import threads
threads.count = lambda: 4
def done():
    rows, seen, joined = np.zeros(100, int), set(), threading.Event()
    def band(first, last):
        seen.add(threading.get_ident())
        if len(seen) > 1:
            joined.set()
        joined.wait(20)
        rows[first:last] += 1
    threads.over_rows(band, 100, grain=1)
    return bool((rows == 1).all()) and len(seen) > 1
assert done()
child = os.fork()
if not child:
    signal.alarm(30)
    os._exit(0 if done() else 1)
assert os.waitpid(child, 0)[1] == 0
assert done()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own():
    ran = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
