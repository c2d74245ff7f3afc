"""The pipes to the worker: starts it, sends images, starts jobs, waits for results and receives pixels. Standard library only."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nct_shared import frames
from nct_shared.errors import ProtocolError

_SCRUBBED = ("PYTHON", "__PYVENV", "LD_", "DYLD_", "GI_")  # set for GIMP; the worker would load the wrong libraries
_EXIT_SECONDS = 5.0


class WorkerError(Exception):
    """The worker reported an error, or is gone.

    Attributes:
        code: the error's code in the protocol; "canceled" after :meth:`Worker.cancel`.
        detail: the worker's traceback; empty if there is none.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code, self.detail = code, detail


class WorkerLost(WorkerError):
    """The worker cannot be started, has ended, or does not follow the protocol."""


@dataclass(frozen=True)
class SentReference:
    """A reference as the worker knows it.

    Attributes:
        name: what messages call it.
        image: name of an image that was sent; "" for a file.
        file: path of a file that the worker reads; "" for an image.
        masks: names of masks that were sent; the reference counts where all of them are above one half.
    """

    name: str
    image: str = ""
    file: str = ""
    masks: Sequence[str] = ()


@dataclass(frozen=True)
class WorkerSettings:
    """What ``install.py`` wrote into ``worker.json``.

    Attributes:
        command: program and arguments that start the worker.
        log: path of the worker's log file.
        version: version of the library that the plug-in was installed from.
    """

    command: Sequence[str]
    log: str
    version: str

    @classmethod
    def read(cls, path: Path) -> WorkerSettings:
        """Reads ``worker.json``.

        Raises:
            WorkerLost: the file is missing or damaged.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(list(values["command"]), str(values["log"]), str(values["version"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise WorkerLost("internal", f"expected the plug-in's settings in {path}, got {error}; run install.py again") from error


class Worker:
    """A running worker; use it as a context manager.

    The worker ends when its stdin is closed, so also when this process is killed: no other process holds the pipe open, because
    Python's pipes are not inherited.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Starts the process; :meth:`hello` waits for it.

        Raises:
            WorkerLost: the process cannot be started.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
        command = [*settings.command, "--log", settings.log]
        with contextlib.ExitStack() as stack:
            try:
                errors: Any = stack.enter_context(open(settings.log, "ab"))  # for errors before the worker opens its log
            except OSError:
                errors = subprocess.DEVNULL
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    cwd=Path(__file__).parents[1],
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except OSError as error:
                raise WorkerLost("internal", f"the worker {settings.command[0]} cannot be started ({error.strerror}); run install.py again") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._sink: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._source: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._sending = threading.Lock()  # another thread may cancel
        self._version = settings.version
        self._jobs = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hello(self) -> frames.Header:
        """Waits for the worker's greeting and returns it: its "version", "device" and "backbone".

        Raises:
            WorkerLost: no greeting comes, or that of another version.
        """
        hello = self._receive()
        if hello["type"] != "hello" or hello["protocol"] != frames.VERSION or hello["version"] != self._version:
            wanted, got = f"{self._version} (protocol {frames.VERSION})", f"{hello.get('version')} (protocol {hello.get('protocol')})"
            raise WorkerLost("protocol", f"expected a worker of version {wanted}, got {got}; run install.py again")
        return hello

    def send_image(self, name: str, role: str, layout: frames.PixelLayout, icc_profile: bytes, bands: Iterable[frames.Chunk]) -> None:
        """Sends an image, to which jobs then refer by ``name``.

        Args:
            name: any text; a later image of the same name replaces this one.
            role: one of :data:`frames.ROLES`.
            layout: layout of the pixels, with the length of the profile.
            icc_profile: profile of the pixels; empty means sRGB.
            bands: the pixels, cut as :meth:`frames.PixelLayout.bands` says.
        """

        def chunks() -> Iterator[frames.Chunk]:
            yield icc_profile
            yield from bands

        self._send({"type": "image", "id": name, "role": role, **layout.fields()}, chunks())

    def forget(self, name: str) -> None:
        """Lets the worker drop an image that no job needs any more."""
        self._send({"type": "forget", "id": name})

    def transfer(
        self, source: str, references: Sequence[SentReference], params: Mapping[str, Any], onto: str = "", device: str = "auto", file_side: int = 0
    ) -> str:
        """Starts a transfer and returns the job's name.

        Args:
            source: name of an image that was sent.
            references: the references, images that were sent or files.
            params: names and values of :mod:`nct_shared.params`.
            onto: name of an image of the source at another size, which is recolored instead; "" means the source.
            device: "auto", or a device by the library's name.
            file_side: longest side in pixels to which files are reduced before the transfer; 0 keeps their size.
        """
        described = [{**vars(reference), "masks": list(reference.masks)} for reference in references]
        asked = {"source": source, "onto": onto, "references": described, "params": dict(params), "device": device, "file_side": file_side}
        return self._start({"type": "transfer", **asked})

    def apply(self, transfer: str, strength: float, keep_lightness: float = 0.0, onto: str = "") -> str:
        """Starts applying a finished transfer, given by its job's name, with these values; returns the new job's name."""
        return self._start({"type": "apply", "transfer": transfer, "onto": onto, "strength": strength, "keep_lightness": keep_lightness})

    def view(self, transfer: str, kind: str, index: int = 0, masks: Sequence[str] = (), onto: str = "") -> str:
        """Starts drawing a view of a finished transfer, one of :data:`frames.VIEWS`; returns the new job's name."""
        return self._start({"type": "view", "transfer": transfer, "onto": onto, "kind": kind, "index": index, "masks": list(masks)})

    def cancel(self, job: str) -> None:
        """Asks the worker to stop a job; :meth:`wait` then raises the error "canceled", unless the result came first."""
        self._send({"type": "cancel", "id": job})

    def wait(self, job: str, progress: Callable[[float, str], None]) -> frames.Header:
        """Waits for a job and returns the header of its result; its pixels must then be read with :meth:`bands` or :meth:`drain`.

        Args:
            job: name of the job, as the method that started it returned it.
            progress: called with a fraction, 0 to 1, that never decreases, and the stage in words.

        Raises:
            WorkerError: the job failed, was canceled, or the worker is gone.
        """
        while True:
            header = self._receive(job)
            if header["type"] == "progress" and header["id"] == job:
                progress(header["fraction"], header["stage"])
            elif header["type"] == "result":
                if header["id"] == job:
                    return header
                self.drain(header)  # the job finished before it was canceled

    def bands(self, result: frames.Header) -> Iterator[tuple[int, int, bytearray]]:
        """Yields the pixels of a result, in the color space of the source: (first row, number of rows, bytes), from the top."""
        layout = frames.PixelLayout.of(result)
        for top, rows in layout.bands():
            band = bytearray(rows * layout.row_bytes)
            with self._connection():
                frames.read_into(self._source, band)
            yield top, rows, band

    def drain(self, result: frames.Header) -> None:
        """Reads the pixels of a result and drops them."""
        for _ in self.bands(result):
            pass

    def kill(self) -> None:
        """Ends the worker at once, where :meth:`close` gives it time to end by itself."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Ends the worker, whatever it is doing, and closes the pipes."""
        with contextlib.suppress(OSError):
            self._sink.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._source.close()

    def _start(self, header: frames.Header) -> str:
        self._jobs += 1
        job = f"job {self._jobs}"
        self._send({**header, "id": job})
        return job

    def _send(self, header: frames.Header, chunks: Iterable[frames.Chunk] = ()) -> None:
        try:
            with self._sending:
                frames.write_frame(self._sink, header, chunks)
        except OSError:
            while True:  # until an error is raised: the one that the worker sent last, or that it has ended
                self._receive()

    def _receive(self, job: str = "") -> frames.Header:
        """Returns the next frame; raises the error of this job, or one that belongs to no job."""
        with self._connection():
            header = frames.read_header(self._source)
        if header is None:
            raise self._gone()
        if header["type"] == "error" and header["id"] in ("", job):
            raise (WorkerError if header["id"] else WorkerLost)(header["code"], header["message"], header["detail"])
        return header

    @contextlib.contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError as error:
            if self._process.poll() is not None:
                raise self._gone() from error
            raise WorkerLost("protocol", str(error)) from error

    def _gone(self) -> WorkerLost:
        status: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_EXIT_SECONDS)
        return WorkerLost("internal", f"the worker ended unexpectedly (exit status {status}); run install.py again if this happens repeatedly")
