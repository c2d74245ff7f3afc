"""After an error that spoils the device for its process the worker says so and ends, so that another one can be started."""

from __future__ import annotations

import sys

import connection
import pytest

from nct_core.contract import messages

LOSES_ITS_DEVICE = """
from nct_core.contract.errors import DeviceLost
from nct_core.worker import jobs
from nct_core.worker.__main__ import main

def lose(*_):
    raise DeviceLost("expected the GPU to compute, but it failed; this process cannot use it any more, a new one may")

jobs.Jobs.apply = lose
main()
"""


def test_a_worker_that_lost_its_device_says_so_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "COMMAND", [sys.executable, "-c", LOSES_ITS_DEVICE])
    lost = connection.Connection()
    try:
        assert isinstance(lost.answer(), messages.Hello)
        lost.send(messages.Apply("a", "t", 1.0))
        answer = lost.answer()
        assert isinstance(answer, messages.Error) and (answer.id, answer.code) == ("a", "device-lost")
        assert "a new one may" in str(answer.text)
        assert lost.process.wait(timeout=60) == 1
    finally:
        lost.close()
