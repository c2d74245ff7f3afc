"""What the command does where its output goes nowhere, and when it must not be interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nct_core.cli.terminal import Signals

COMMAND = [sys.executable, "-m", "nct_core"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device without room")
def test_standard_output_that_takes_nothing() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.startswith("nct: error: expected to print on standard output, got No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports a closed pipe in another way")
def test_a_reader_that_has_left_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "--version"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=240)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interruption_waits_for_what_must_not_be_interrupted() -> None:
    done, signals = [], Signals()
    with signals.handled(), pytest.raises(KeyboardInterrupt), signals.deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_that_end_a_program_are_exceptions(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    signals = Signals()
    with pytest.raises(KeyboardInterrupt), signals.handled():
        assert signal.getsignal(number) is before  # until the libraries are loaded
        with signals.deferred():
            pass
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
    try:
        signal.signal(number, signal.SIG_IGN)  # as nohup starts programs
        with signals.handled(), signals.deferred():
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_a_signal_whose_exception_was_lost_is_raised_again() -> None:
    signals = Signals()
    with signals.handled():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.check()


STREAMS = {
    "no standard error": "2>&-",
    "no standard output": ">&-",
    "no standard input": "<&-",
    "none of them": "<&- >&- 2>&-",
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that closes them")
@pytest.mark.parametrize("closed", STREAMS)
def test_missing_streams_are_no_trouble(closed: str, tmp_path: Path) -> None:
    """The error is told where it can be; a file never takes the place of a missing stream."""
    command = f"{sys.executable} -m nct_core transfer {tmp_path}/none.png {tmp_path}/none.png -o {tmp_path}/o.png {STREAMS[closed]}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr == "" or done.stderr.startswith("nct: error: ")
    assert list(tmp_path.iterdir()) == []


def test_what_a_stream_cannot_encode_is_escaped(tmp_path: Path) -> None:
    missing = tmp_path / "結果 \udcff.png"
    done = subprocess.run(
        [*COMMAND, "transfer", os.fsencode(missing), "b.png", "-o", "c.png"], env={**os.environ, "PYTHONIOENCODING": "cp1252:strict"},
        capture_output=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"\\u7d50\\u679c \\udcff.png: expected an image file" in done.stderr
