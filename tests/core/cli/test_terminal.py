"""What the command does where its output goes nowhere, and when it must not be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nct_core.cli.terminal import interruption_deferred

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
    done = []
    with pytest.raises(KeyboardInterrupt), interruption_deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with interruption_deferred():
        pass
