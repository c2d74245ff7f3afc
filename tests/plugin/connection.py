"""The plug-in's end of a worker's pipes, frame by frame."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import numpy as np

import nct_core
from nct_core.contract import frames, messages
from nct_core.contract.headers import Message
from nct_core.files.color_space import from_srgb, to_srgb
from nct_core.installation.worker import worker_command

COMMAND = worker_command(sys.executable)
QUICK = {"working_size": 64}
SHAPE, REFERENCE_SHAPE = (48, 64), (40, 56)
LEAVING_SECONDS = 60


def image(name: str, *masks: str) -> messages.SentReference:
    """A reference that was sent."""
    return messages.SentReference(name, image=name, masks=masks)


class Connection:
    """A worker's process and its pipes."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen([*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.sink, self.source = self.process.stdin, self.process.stdout

    def send(self, message: Message) -> None:
        messages.send(self.sink, message)

    def send_image(self, name: str, pixels: np.ndarray, icc: bytes = b"", role: str = "source") -> None:
        layout = frames.PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name, len(icc))
        messages.send(self.sink, messages.Image(name, role, layout), [icc, pixels.tobytes()])

    def transfer(self, name: str = "t", source: str = "s", reference: Any = "r", onto: str = "", **params: Any) -> None:
        references = (reference if isinstance(reference, messages.SentReference) else image(reference),)
        self.send(messages.Transfer(name, source, references, {**QUICK, **params}, onto, device="cpu"))

    def receive(self) -> Message | None:
        return messages.receive(self.source)

    def answer(self) -> Any:
        """The next message that is no progress."""
        while isinstance(message := self.receive(), messages.Progress):
            pass
        if message is None:
            raise AssertionError(f"the worker has left with status {self.process.wait(LEAVING_SECONDS)}")
        return message

    def pixels(self, result: Any) -> np.ndarray:
        assert isinstance(result, messages.Result), result
        layout = result.layout
        pixels = np.empty((layout.height, layout.width, layout.channels), layout.dtype)
        frames.read_into(self.source, pixels.data)
        return pixels

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.sink.close()
        self.source.close()


def expected(source: np.ndarray, reference: np.ndarray, icc: bytes | None = None) -> np.ndarray:
    """What the library makes of the same pixels."""
    params = nct_core.TransferParams.from_mapping(QUICK)
    result = nct_core.transfer(to_srgb(source, icc), [to_srgb(reference)], params, device="cpu")
    return from_srgb(result.image, icc, source.dtype)
