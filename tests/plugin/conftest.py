"""A real worker on real pipes, and the plug-in as install.py installs it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from installer import plugin as plugin_installer
from nct_core import protocol

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-I", "-m", "nct_core.worker"]
QUICK = {"working_size": 64}


class Connection:
    """The plug-in's end of a worker's pipes, frame by frame."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.sink, self.source = self.process.stdin, self.process.stdout

    def send(self, kind: str, **fields: Any) -> None:
        protocol.write_frame(self.sink, {"type": kind, **fields})

    def send_image(self, name: str, pixels: np.ndarray, icc: bytes = b"", role: str = "source") -> None:
        layout = protocol.PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name, len(icc))
        protocol.write_frame(self.sink, {"type": "image", "id": name, "role": role, **layout.fields()}, [icc, pixels.tobytes()])

    def transfer(self, name: str = "t", source: str = "s", reference: str = "r", **params: Any) -> None:
        self.send("transfer", id=name, source=source, references=[reference], params={**QUICK, **params}, device="cpu")

    def receive(self) -> protocol.Header | None:
        return protocol.read_header(self.source)

    def answer(self) -> protocol.Header:
        """The next frame that is no progress."""
        while True:
            header = self.receive()
            assert header is not None, "the worker has left"
            if header["type"] != "progress":
                return header

    def pixels(self, result: protocol.Header) -> np.ndarray:
        assert result["type"] == "result", result
        pixels = np.empty((result["height"], result["width"], result["channels"]), result["dtype"])
        protocol.read_into(self.source, pixels.data)
        return pixels

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.sink.close()
        self.source.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = Connection()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def greeted() -> Iterator[Connection]:
    """A worker that has said hello and has the images "s" and "r"; shared, for tests that leave it as it is."""
    connection = Connection()
    hello = connection.answer()
    assert hello["type"] == "hello"
    connection.send_image("s", picture(1))
    connection.send_image("r", picture(2, (40, 56)), role="reference")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the installed plug-in, whose modules can be imported meanwhile."""
    user_folder = tmp_path_factory.mktemp("GIMP")
    plugin_installer.install(PROJECT, user_folder, Path(sys.executable), user_folder / "nct.log")
    folder = user_folder / "plug-ins" / "neural_color_transfer"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def picture(seed: int, shape: tuple[int, int] = (48, 64), channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """Soft blobs of colour, [H, W, C]; alpha is partly 0."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]] / max(shape)
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in noise.uniform(2, 9, (channels, 3))]
    image = np.stack(waves, axis=-1) * 0.4 + 0.5 + noise.uniform(-0.05, 0.05, (*shape, channels))
    if channels in (2, 4):
        image[: shape[0] // 4, :, -1] = 0
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    return (np.clip(image, 0, 1) * scale).astype(dtype)
