"""The worker as the plug-in sees it: start it, send it images, ask for a transfer, hear of progress, receive pixels.

Standard library only.
"""

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

_SCRUBBED = ("PYTHON", "__PYVENV", "LD_", "DYLD_", "GI_")  # GIMP's own, which would make the worker load the wrong libraries
_PATIENCE_SECONDS = 5.0


class WorkerError(Exception):
    """The worker reported an error, or is gone.

    Attributes:
        code: the kind of error on the wire, "canceled" for one that was asked for.
        detail: where the worker's code failed; empty where it said nothing.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code, self.detail = code, detail


class WorkerLost(WorkerError):
    """There is no worker, or none that can be talked to."""


@dataclass(frozen=True)
class Reference:
    """One of a transfer's references, as :data:`frames.REFERENCE` says."""

    name: str
    image: str = ""
    file: str = ""
    masks: Sequence[str] = ()


@dataclass(frozen=True)
class Settings:
    """What ``install.py`` wrote beside the plug-in.

    Attributes:
        command: program and arguments that start the worker.
        log: the worker's log file.
        version: of the library that the plug-in was installed from.
    """

    command: Sequence[str]
    log: str
    version: str

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Reads ``worker.json``.

        Raises:
            WorkerLost: it is missing or not as ``install.py`` writes it.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(list(values["command"]), str(values["log"]), str(values["version"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise WorkerLost("internal", f"expected the plug-in's settings in {path}, got {error}; run install.py again") from error


class Worker:
    """A running worker; use it as a context manager.

    The process ends when its stdin does, so also when this process is killed. That holds because no other process has the pipe's
    other end: Python's pipes are not inherited.
    """

    def __init__(self, settings: Settings) -> None:
        """Starts the process; :meth:`hello` waits for it.

        Raises:
            WorkerLost: it cannot be started.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
        command = [*settings.command, "--log", settings.log]
        with contextlib.ExitStack() as stack:
            try:
                errors: Any = stack.enter_context(open(settings.log, "ab"))  # what goes wrong before the worker opens its log
            except OSError:
                errors = subprocess.DEVNULL
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    cwd=Path(__file__).parent,
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
        """Waits for the worker's greeting: its "version", "device" and "backbone".

        Raises:
            WorkerLost: it does not come, or comes from another version.
        """
        hello = self._receive()
        if hello["type"] != "hello" or hello["protocol"] != frames.VERSION or hello["version"] != self._version:
            wanted, got = f"{self._version} (protocol {frames.VERSION})", f"{hello.get('version')} (protocol {hello.get('protocol')})"
            raise WorkerLost("protocol", f"expected a worker of version {wanted}, got {got}; run install.py again")
        return hello

    def send_image(self, name: str, role: str, layout: frames.PixelLayout, icc_profile: bytes, bands: Iterable[frames.Chunk]) -> None:
        """Sends an image once; jobs refer to it by ``name``.

        Args:
            name: any text; a later image of the same name replaces it.
            role: one of :data:`frames.ROLES`.
            layout: of the image, with the profile's length.
            icc_profile: the profile of the pixels; empty means sRGB.
            bands: the pixels in pieces, as :meth:`frames.PixelLayout.bands` cuts them.
        """

        def chunks() -> Iterator[frames.Chunk]:
            yield icc_profile
            yield from bands

        self._send({"type": "image", "id": name, "role": role, **layout.fields()}, chunks())

    def forget(self, name: str) -> None:
        """Has the worker drop an image that no job needs any more."""
        self._send({"type": "forget", "id": name})

    def transfer(
        self, source: str, references: Sequence[Reference], params: Mapping[str, Any], onto: str = "", device: str = "auto", file_side: int = 0
    ) -> str:
        """Starts a transfer between images sent before, and files; returns the job's name for the other methods.

        Args:
            source: an image that was sent.
            references: what gives the colors.
            params: names and values of :mod:`nct_shared.params`.
            onto: an image of the source at another size, which is recolored in its stead; "" is the source.
            device: as the library calls it.
            file_side: longer side in pixels to which files are reduced at first; 0 leaves them as they are.
        """
        described = [{**vars(reference), "masks": list(reference.masks)} for reference in references]
        asked = {"source": source, "onto": onto, "references": described, "params": dict(params), "device": device, "file_side": file_side}
        return self._start({"type": "transfer", **asked})

    def apply(self, transfer: str, strength: float, keep_lightness: float = 0.0, onto: str = "") -> str:
        """Starts applying the last transfer (by its job's name) with other values of these; returns the new job's name."""
        return self._start({"type": "apply", "transfer": transfer, "onto": onto, "strength": strength, "keep_lightness": keep_lightness})

    def view(self, transfer: str, kind: str, index: int = 0, masks: Sequence[str] = (), onto: str = "") -> str:
        """Starts drawing a view of the last transfer, one of :data:`frames.VIEWS`; returns the new job's name."""
        return self._start({"type": "view", "transfer": transfer, "onto": onto, "kind": kind, "index": index, "masks": list(masks)})

    def cancel(self, job: str) -> None:
        """Asks the worker to give the job up; :meth:`wait` then raises "canceled", unless the result was already there."""
        self._send({"type": "cancel", "id": job})

    def wait(self, job: str, progress: Callable[[float, str], None]) -> frames.Header:
        """Waits for the job's result, whose pixels must then be drawn from :meth:`bands`.

        Args:
            job: as :meth:`transfer` or :meth:`apply` returned it.
            progress: called with a fraction that never goes back and the stage in words.

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
                self.drain(header)  # of a job that was canceled too late

    def bands(self, result: frames.Header) -> Iterator[tuple[int, int, bytearray]]:
        """Draws the pixels of a result: (first row, rows, bytes) from the top; the worker's space is the source's own."""
        layout = frames.PixelLayout.of(result)
        for top, rows in layout.bands():
            band = bytearray(rows * layout.row_bytes)
            with self._connection():
                frames.read_into(self._source, band)
            yield top, rows, band

    def drain(self, result: frames.Header) -> None:
        """Passes over the pixels of a result that nobody wants."""
        for _ in self.bands(result):
            pass

    def kill(self) -> None:
        """Ends the worker at once; :meth:`close` gives it the time to leave."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._sink.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
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
            while True:  # what the worker said before it left, or that it left
                self._receive()

    def _receive(self, job: str = "") -> frames.Header:
        """The next frame; an error of this job, or of none, is raised."""
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
            status = self._process.wait(_PATIENCE_SECONDS)
        return WorkerLost("internal", f"the worker ended unexpectedly (exit status {status}); run install.py again if it does so repeatedly")
