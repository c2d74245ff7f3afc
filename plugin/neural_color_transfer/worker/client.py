"""The pipes to the worker: starts it, sends images, starts jobs, waits for results and receives pixels. Standard library only."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from nct_shared import frames, messages
from nct_shared.errors import DeviceLost, NctError, ProtocolError
from nct_shared.headers import Message
from nct_shared.texts import Text

_SCRUBBED = ("PYTHON", "__PYVENV", "LD_", "DYLD_", "GI_")  # set for GIMP; the worker would load the wrong libraries
_EXIT_SECONDS = 5.0


class WorkerError(NctError):  # type: ignore[misc]  # the package lies beside the plug-in once it is installed
    """The worker reported an error, or is gone.

    Attributes:
        code: the kind of error, as :class:`messages.Error` has it; "canceled" after :meth:`Worker.cancel`.
        detail: the worker's traceback; empty if there is none.
    """

    def __init__(self, code: str, message: Text, detail: str = "") -> None:
        super().__init__(message)
        self.code, self.detail = code, detail


class WorkerLost(WorkerError):
    """The worker cannot be started, has ended or is about to end, or does not follow the protocol. Another one may do the job."""


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
            raise WorkerLost("internal", Text("damaged_settings", str(path), str(error))) from error


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
                    cwd=Path(settings.command[0]).parent,  # Windows lets nobody remove the folder in which a program works
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except OSError as error:
                raise WorkerLost("internal", Text("worker_not_started", settings.command[0], error.strerror or str(error))) from error
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

    def hello(self) -> messages.Hello:
        """Waits for the worker's greeting and returns it.

        Raises:
            WorkerLost: no greeting comes, or that of another version.
        """
        hello = self._receive()
        if not isinstance(hello, messages.Hello):
            raise WorkerLost("protocol", Text.of(f"expected the worker's greeting, got {hello!r:.60}"))
        if (hello.protocol, hello.version) != (messages.VERSION, self._version):
            wanted, got = f"{self._version} (protocol {messages.VERSION})", f"{hello.version} (protocol {hello.protocol})"
            raise WorkerLost("protocol", Text("other_version", wanted, got))
        return hello

    def send_image(self, name: str, role: str, layout: frames.PixelLayout, icc_profile: bytes, bands: Iterable[frames.Chunk]) -> None:
        """Sends an image, to which jobs then refer by ``name``.

        Args:
            name: any text; a later image of the same name replaces this one.
            role: one of :data:`messages.ROLES`.
            layout: layout of the pixels, with the length of the profile.
            icc_profile: profile of the pixels; empty means sRGB.
            bands: the pixels, cut as :meth:`frames.PixelLayout.bands` says.
        """
        self._send(messages.Image(name, role, layout), itertools.chain([icc_profile], bands))

    def post_image(self, name: str, role: str, layout: frames.PixelLayout, icc_profile: bytes, bands: Iterable[frames.Chunk]) -> bool:
        """Does what :meth:`send_image` does, in a thread other than the one that waits for results; False means that the worker is gone."""
        return self._post(messages.Image(name, role, layout), itertools.chain([icc_profile], bands))

    def forget(self, name: str) -> None:
        """Lets the worker drop an image that no job needs any more."""
        self._send(messages.Forget(name))

    def transfer(
        self,
        source: str,
        references: Sequence[messages.SentReference],
        params: Mapping[str, messages.Parameter],
        onto: str = "",
        device: str = "auto",
        file_side: int = 0,
    ) -> str:
        """Starts a transfer, with the fields of :class:`messages.Transfer`, and returns the job's name.

        Raises:
            InputError: there are more references than one request can name.
        """
        return self._start(messages.Transfer(self._next_job(), source, tuple(references), params, onto, device, file_side))

    def apply(self, transfer: str, strength: float, keep_lightness: float = 0.0, onto: str = "") -> str:
        """Starts applying a finished transfer, given by its job's name, with these values; returns the new job's name."""
        return self._start(messages.Apply(self._next_job(), transfer, strength, keep_lightness, onto))

    def view(self, transfer: str, kind: str, index: int = 0, masks: Sequence[str] = (), onto: str = "") -> str:
        """Starts drawing a view of a finished transfer, one of :data:`messages.VIEWS`; returns the new job's name."""
        return self._start(messages.View(self._next_job(), transfer, kind, index, tuple(masks), onto))

    def cancel(self, job: str) -> None:
        """Asks the worker to stop a job; :meth:`wait` then raises the error "canceled", unless the result came first.

        Any thread may call this. It returns at once; the message waits in a thread of its own while an image is being sent.
        """
        threading.Thread(target=self._post, args=(messages.Cancel(job),), daemon=True).start()

    def check(self) -> None:
        """Raises an error if the worker has ended.

        Raises:
            WorkerLost: it has.
        """
        if self._process.poll() is not None:
            self._raise_why_it_ended()

    def wait(self, job: str, progress: Callable[[float, Text], None]) -> messages.Result:
        """Waits for a job and returns its result, whose pixels must then be read with :meth:`bands` or :meth:`drain`.

        Args:
            job: name of the job, as the method that started it returned it.
            progress: called with a fraction, 0 to 1, that never decreases, and the stage.

        Raises:
            WorkerError: the job failed, was canceled, or the worker is gone.
        """
        while True:
            message = self._receive(job)
            if isinstance(message, messages.Progress) and message.id == job:
                progress(message.fraction, message.stage)
            elif isinstance(message, messages.Result):
                if message.id == job:
                    return message
                self.drain(message)  # the job finished before it was canceled

    def bands(self, result: messages.Result) -> Iterator[tuple[int, int, bytearray]]:
        """Yields the pixels of a result, in the color space of the source: (first row, number of rows, bytes), from the top."""
        for top, rows in result.layout.bands():
            band = bytearray(rows * result.layout.row_bytes)
            with self._connection():
                frames.read_into(self._source, band)
            yield top, rows, band

    def drain(self, result: messages.Result) -> None:
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

    def _next_job(self) -> str:
        self._jobs += 1
        return f"job {self._jobs}"

    def _start(self, job: messages.Job) -> str:
        self._send(job)
        return job.id

    def _send(self, message: Message, chunks: Iterable[frames.Chunk] = ()) -> None:
        if not self._post(message, chunks):
            self._raise_why_it_ended()

    def _post(self, message: Message, chunks: Iterable[frames.Chunk] = ()) -> bool:
        """Sends a message; returns whether the worker is there to take it."""
        try:
            with self._sending:
                if not self._sink.closed:
                    messages.send(self._sink, message, chunks)
                return not self._sink.closed
        except OSError:
            return False

    def _raise_why_it_ended(self) -> NoReturn:
        while True:  # until an error is raised: the one that the worker sent last, or that it has ended
            self._receive()

    def _receive(self, job: str = "") -> Message:
        """Returns the next message; raises the error of this job, or one that belongs to no job."""
        with self._connection():
            message = messages.receive(self._source)
        if message is None:
            raise self._gone()
        if isinstance(message, messages.Error) and message.id in ("", job):
            lost = not message.id or message.code == DeviceLost.code
            raise (WorkerLost if lost else WorkerError)(message.code, message.text, message.detail)
        return message

    @contextlib.contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError as error:
            if self._process.poll() is not None:
                raise self._gone() from error
            raise WorkerLost("protocol", error.text) from error

    def _gone(self) -> WorkerLost:
        status: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_EXIT_SECONDS)
        return WorkerLost("internal", Text("worker_ended", str(status)))
