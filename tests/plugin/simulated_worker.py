"""A worker without a library: one that ends, loses its device or answers, as each of its starts is told."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import os, sys
from pathlib import Path
plugin, starts, version, *behaviors = sys.argv[1:-2]  # the client adds --log and a path
sys.path.insert(0, plugin)
from nct_shared import frames, messages
from nct_shared.errors import DeviceLost
from nct_shared.texts import Text

with open(starts, "a") as file:
    file.write("x")
behavior = behaviors[len(Path(starts).read_text()) - 1]
source, sink = sys.stdin.buffer, sys.stdout.buffer
messages.send(sink, messages.Hello(messages.VERSION, version, "Test GPU", (messages.Device("cpu", "CPU"),), "VGG-16"))
layout = frames.PixelLayout(1, 1, 4, "uint8")
while (message := messages.receive(source)) is not None:
    if isinstance(message, messages.Image):
        frames.read_into(source, bytearray(message.payload_bytes))
    elif isinstance(message, (messages.Transfer, messages.Apply)):
        kind = type(message).__name__.lower()
        if behavior == f"{kind}: ends":
            os._exit(3)
        if behavior == f"{kind}: loses its device":
            messages.send(sink, messages.Error(message.id, DeviceLost.code, Text("device_lost", "the GPU failed"), "Traceback"))
            os._exit(1)
        if behavior == f"{kind}: refuses":
            messages.send(sink, messages.Error(message.id, "input", Text("all_transparent"), "Traceback"))
            continue
        name = message.id if kind == "transfer" else message.transfer
        facts = messages.TransferFacts(name, "VGG-16", "Test GPU", 0.1, (1.0,), ("#ff0000",), ())
        messages.send(sink, messages.Result(message.id, facts, layout), [bytes([len(Path(starts).read_text())] * 4)])
        if behavior == f"{kind}: answers and ends":
            os._exit(3)
"""


class Starts:
    """How a plug-in starts it, and how often it has been started."""

    def __init__(self, settings: Any, folder: Path, *behaviors: str) -> None:
        import nct_shared

        self._file = folder / "starts"
        plugin = str(Path(nct_shared.__file__).parents[1])
        command = [sys.executable, "-c", PROGRAM, plugin, str(self._file), settings.version, *behaviors]
        self.settings = dataclasses.replace(settings, command=command, log=str(folder / "nct.log"))

    @property
    def number(self) -> int:
        return len(self._file.read_text()) if self._file.exists() else 0
