"""The programs timed from outside, each start in a fresh process: the command line and the plug-in's worker."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from nct_core.contract import frames, messages
from nct_core.contract.errors import ProtocolError
from nct_core.contract.headers import Message
from nct_core.installation.worker import worker_command
from nct_core.runtime import memory

_LIMIT_SECONDS = 1800

_Answer = TypeVar("_Answer", bound=Message)


def command(folder: Path, suffix: str, device: str, runs: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Times ``nct transfer`` from its start to its end, files read and written; a first run is not counted."""
    files = [str(folder / f"{number}{suffix}") for number in (0, 1)]
    line = [sys.executable, "-m", "nct_core", "transfer", *files, "-o", str(folder / f"result{suffix}"), "--device", device, "--json"]
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        try:
            done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment, timeout=_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {_LIMIT_SECONDS} s"}
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            return {"error": done.stderr.strip()}
    told = json.loads(done.stdout)
    return {**_summary(seconds[1:]), "transfer_seconds": told["seconds"], "peak_memory_mib": told["peak_memory_mib"]}


def worker(folder: Path, size: tuple[int, int], device: str, runs: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Times the worker's start to its hello, and in the last one a first and a second transfer of the raw pictures ``N.rgb``."""
    hellos = []
    try:
        for _ in range(runs):
            start = time.perf_counter()
            with _Worker(environment) as started:
                started.receive(messages.Hello)
                hellos.append(time.perf_counter() - start)
        with _Worker(environment) as started:
            started.receive(messages.Hello)
            for number in (0, 1):
                started.send_image(f"{number}", (folder / f"{number}.rgb").read_bytes(), size)
            first, second = (started.transfer(name, device) for name in ("first", "second"))
            peak = memory.peak_mib(started.process.pid)
    except (ProtocolError, OSError) as problem:
        return {"error": str(problem)}
    return {**_summary(hellos), "first_transfer_seconds": first, "second_transfer_seconds": second, "peak_memory_mib": peak}


def _summary(seconds: list[float]) -> dict[str, Any]:
    return {"seconds": statistics.median(seconds), "seconds_min": min(seconds), "seconds_max": max(seconds), "runs": len(seconds)}


class _Worker:
    """A worker's process and its pipes; killed at the end, and when it takes too long."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __enter__(self) -> _Worker:
        line = worker_command(sys.executable)
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._environment)
        self._sink, self._source = cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)
        self._limit = threading.Timer(_LIMIT_SECONDS, self.process.kill)
        self._limit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        self.process.kill()
        self.process.communicate()

    def receive(self, kind: type[_Answer]) -> _Answer:
        """The next message that is no progress; it must be of this kind."""
        while isinstance(message := messages.receive(self._source), messages.Progress):
            pass
        if not isinstance(message, kind):
            came = message.text if isinstance(message, messages.Error) else type(message).__name__ if message else "its end"
            raise ProtocolError(f"expected {kind.__name__} from the worker, got: {came}; run nct doctor")
        return message

    def send_image(self, name: str, pixels: bytes, size: tuple[int, int]) -> None:
        """Sends 8-bit RGB pixels."""
        layout = frames.PixelLayout(size[0], size[1], 3, "uint8")
        role = "reference" if name != "0" else "source"
        messages.send(self._sink, messages.Image(name, role, layout), [pixels])

    def transfer(self, name: str, device: str) -> float:
        """Asks for a transfer and takes its pixels; returns the seconds from the question to the last pixel."""
        start = time.perf_counter()
        messages.send(self._sink, messages.Transfer(name, "0", (messages.SentReference("reference", image="1"),), {}, device=device))
        frames.read_into(self._source, bytearray(self.receive(messages.Result).payload_bytes))
        return time.perf_counter() - start
