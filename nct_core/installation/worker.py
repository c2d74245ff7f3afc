"""How the worker is started, and whether it answers.

Standard library only, Python >= 3.9: ``install.py`` uses it.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO, cast

from ..contract import messages
from ..contract.errors import ProtocolError

_WORKER_SECONDS = 120


def worker_command(python: str) -> list[str]:
    """The command line of the worker; -I keeps what lies in the current folder or in PYTHON* variables out of it."""
    return [python, "-I", "-m", "nct_core.worker"]


def worker_hello(command: Sequence[str]) -> str:
    """Starts a worker, waits for its hello and ends it.

    Args:
        command: the worker's command line.

    Returns:
        Its answer in words: version and backbone.

    Raises:
        ProtocolError: it cannot be started, or says something else.
    """
    start = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_", "GI_"))}
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
    except OSError as error:
        raise ProtocolError(f"expected to start {command[0]}, the system says: {error.strerror}; run install.py again") from error
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        deadline = threading.Timer(_WORKER_SECONDS, process.kill)
        deadline.start()
        try:
            hello = messages.receive(cast(BinaryIO, process.stdout))
        finally:
            deadline.cancel()
            process.kill()
        words = process.stderr.read().decode(errors="replace").strip().splitlines()
    if not isinstance(hello, messages.Hello):
        said = words[-1] if words else f"{hello}"
        raise ProtocolError(f"expected hello from the worker, it ended and said: {said}; run install.py again")
    return f"answers in {time.monotonic() - start:.1f} s, version {hello.version}, {hello.backbone or 'no network weights'}"
