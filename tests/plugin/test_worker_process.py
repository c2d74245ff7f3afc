"""The worker as a process: when it leaves, what it writes where."""

from __future__ import annotations

import errno
import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from connection import COMMAND, REFERENCE_SHAPE, SHAPE, Connection, expected
from pictures import blobs

import nct_core
from nct_core.contract import frames, messages
from nct_core.worker.server import Worker

LIMIT_SECONDS = 10  # within which the worker must be gone once the plug-in is; on a loaded machine too


def test_it_leaves_when_stdin_ends_while_it_starts(connection: Connection) -> None:
    connection.sink.close()
    assert connection.process.wait(LIMIT_SECONDS) == 0


def test_it_leaves_when_stdin_ends_while_it_waits(connection: Connection) -> None:
    connection.answer()
    connection.sink.close()
    assert connection.process.wait(LIMIT_SECONDS) == 0


def test_it_leaves_when_stdin_ends_while_it_computes(connection: Connection) -> None:
    connection.answer()
    connection.send_image("s", blobs(1, (300, 400)))
    connection.send_image("r", blobs(2, (300, 400)), role="reference")
    connection.transfer(working_size=700)
    while (message := connection.receive()) and message.fraction == 0:
        pass
    connection.sink.close()
    assert connection.process.wait(LIMIT_SECONDS) == 0


def test_it_leaves_on_shutdown(connection: Connection) -> None:
    connection.answer()
    connection.send(messages.Shutdown())
    assert connection.process.wait(LIMIT_SECONDS) == 0


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "starts with"),
        (struct.pack("<4sI", frames.MAGIC, 2**31), "at most 65536 bytes"),
        (b'NCT1\x10\x00\x00\x00{"type":"dance"}', "known type, got 'dance'"),
        (b'NCT1\x68\x00\x00\x00{"type":"hello","protocol":6,"version":"0","device":"","devices":[],"backbone":"VGG-16"}', "end of the stream"),
        (b'NCT1\x58\x00\x00\x00{"type":"hello","protocol":6,"version":"0","device":"","devices":[],"backbone":"VGG-16"}', "for the worker, got Hello("),
    ],
)
def test_a_bad_frame_ends_the_connection(connection: Connection, noise: bytes, words: str) -> None:
    connection.sink.write(noise)
    connection.sink.flush()
    if "end of the stream" in words:
        connection.sink.close()
    error = connection.answer()
    if isinstance(error, messages.Hello):  # which takes long: mostly the frame is read before
        error = connection.answer()
    assert isinstance(error, messages.Error)
    assert (error.id, error.code) == ("", "protocol")
    assert words in error.text
    assert connection.receive() is None
    assert connection.process.wait(LIMIT_SECONDS) == 1


def test_stdout_carries_frames_only() -> None:
    code = """
import os
from nct_core.worker import __main__ as program
source, sink = program._take_streams()
print("noise", flush=True)
os.system("echo more; cat")
sink.write(source.read())
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"frames", capture_output=True)
    assert (done.stdout, done.stderr.split()) == (b"frames", [b"noise", b"more"])


def test_everything_else_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "made" / "nct.log"
    for _ in range(2):
        done = subprocess.run([*COMMAND, "--log", str(log)], input=b"nonsense that is no frame", capture_output=True)
        assert (done.returncode, done.stderr) == (1, b"")
        text = log.read_text()
        assert f"worker {nct_core.__version__}" in text and "expected a frame that starts with" in text
    assert text.count("expected a frame that starts with b'NCT1'") >= 2
    log.write_bytes(b"x" * (2 << 20))
    subprocess.run([*COMMAND, "--log", str(log)], input=b"", capture_output=True)
    assert log.stat().st_size < 100_000
    assert log.with_name("nct.log.old").stat().st_size == 2 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_log_is_the_users_own(tmp_path: Path) -> None:
    subprocess.run([*COMMAND, "--log", str(tmp_path / "nct.log")], input=b"", capture_output=True, timeout=120)
    assert (tmp_path / "nct.log").stat().st_mode & 0o777 == 0o600


def test_a_log_that_somebody_holds_open_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "nct.log"
    log.write_bytes(b"x" * (2 << 20))
    with open(log, "ab") as held:
        subprocess.run([*COMMAND, "--log", str(log)], input=b"", capture_output=True, timeout=120)
        held.write(b"the other's line")
    text = log.read_bytes()
    assert len(text) < 100_000 and text.endswith(b"the other's line")


def test_a_full_disk_is_said_in_words() -> None:
    sent = io.BytesIO()
    Worker(io.BytesIO(), sent)._send_error("job", OSError(errno.ENOSPC, "No space left on device", "kernel.nbi"))
    sent.seek(0)
    error = messages.receive(sent)
    assert isinstance(error, messages.Error) and (error.id, error.code) == ("job", "device")
    assert error.text == "expected room on the disk for the worker's compiled code, but it is full; make room and try again"
    assert "kernel.nbi" in error.detail


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device without room")
def test_a_full_disk_under_the_log_does_not_stop_it() -> None:
    # The log is all that the worker writes: results go through the pipe.
    connection = Connection("--log", "/dev/full")
    try:
        assert isinstance(connection.answer(), messages.Hello)
        connection.send_image("s", blobs(1, SHAPE))
        connection.send_image("r", blobs(2, REFERENCE_SHAPE), role="reference")
        connection.transfer()
        np.testing.assert_array_equal(connection.pixels(connection.answer()), expected(blobs(1, SHAPE), blobs(2, REFERENCE_SHAPE)))
    finally:
        connection.close()


def test_a_log_in_a_folder_of_any_name(tmp_path: Path) -> None:
    log = tmp_path / "Übergröße 木" / "nct.log"
    done = subprocess.run([*COMMAND, "--log", str(log)], input=b"nonsense that is no frame", capture_output=True)
    assert done.returncode == 1 and "starts with" in log.read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_does_not_stop_it(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--log", str(tmp_path)], input=b"nonsense that is no frame", capture_output=True)
    assert done.returncode == 1
    assert b"no log file" in done.stderr and b"starts with" in done.stderr
