"""One worker and everything that it already has: the images that it was sent and the transfers that it has finished.

The dialog's preview and the transfer after it share one session, so that nothing is sent or computed twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nct_shared.frames import Chunk, PixelLayout
from nct_shared.messages import KEPT_TRANSFERS, Parameter, Result, SentReference
from nct_shared.texts import Text

from .client import Worker, WorkerLost, WorkerSettings

_T = TypeVar("_T")
_STEP_SECONDS = 0.01
APPLIED = ("strength", "keep_lightness")
"""The parameters that only change how the result of a transfer is applied, so that they need no new transfer."""


@dataclass(frozen=True)
class Upload:
    """An image to be sent to the worker.

    Attributes:
        role: one of :data:`messages.ROLES`.
        layout: layout of the pixels, with the length of the profile.
        icc_profile: profile of the pixels; empty means sRGB.
        read: yields the pixels in the bands of the layout; each call reads them anew.
    """

    role: str
    layout: PixelLayout
    icc_profile: bytes
    read: Callable[[], Iterator[Chunk]]

    def name(self) -> str:
        """Reads the pixels and returns the image's name: a hash, so that equal images have equal names."""
        steps = self.name_in_steps()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return str(end.value)

    def name_in_steps(self, bands: list[Chunk] | None = None) -> Generator[None, None, str]:
        """Does what :meth:`name` does, one band per step, and appends the bands to ``bands`` if there is such a list."""
        digest = hashlib.sha256(f"{self.role} {self.layout}".encode() + self.icc_profile)
        for band in self.read():
            digest.update(band)
            if bands is not None:
                bands.append(band)
            yield
        return digest.hexdigest()


@dataclass(frozen=True)
class TransferSpec:
    """What determines the result of a transfer before it is applied; equal specs give equal results.

    Attributes:
        source: the worker's name for the source image.
        references: the references as the worker knows them.
        params: the parameters of the transfer without :data:`APPLIED`.
        file_side: longest side in pixels to which reference files are reduced; 0 keeps their size.
        device: the device that computes, as :attr:`messages.Transfer.device` names it.
        file_times: the modification time of each reference file in nanoseconds; 0 where there is no such file.
    """

    source: str
    references: tuple[SentReference, ...]
    params: Mapping[str, Parameter]
    file_side: int = 0
    device: str = "auto"
    file_times: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_times", [_modification_time(reference.file) for reference in self.references if reference.file])


class WorkerSession:
    """A running worker, the images that it has been sent, and the transfers that it has finished and keeps.

    An original is an image of full size that is read and sent in small steps. The caller gives it a key that tells it from other originals
    without reading its pixels.

    Attributes:
        worker: the worker; whoever holds the session last closes it.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._finished: list[tuple[TransferSpec, str]] = []
        self._names: set[str] = set()
        self._originals: dict[Hashable, str] = {}

    @classmethod
    def begin(cls, settings: WorkerSettings) -> WorkerSession:
        """Starts a worker and waits for its greeting.

        Raises:
            WorkerLost: no worker can be started.
        """
        worker = Worker(settings)
        try:
            worker.hello()
        except BaseException:
            worker.close()
            raise
        return cls(worker)

    # -- images

    def send(self, upload: Upload) -> str:
        """Sends an image unless the worker has it; returns its name."""
        name = upload.name()
        self.send_as(name, upload, upload.read())
        return name

    def send_as(self, name: str, upload: Upload, bands: Iterable[Chunk]) -> None:
        """Sends an image whose name and pixels are known, unless the worker has it."""
        if name not in self._names:
            self.worker.send_image(name, upload.role, upload.layout, upload.icc_profile, bands)
            self._names.add(name)

    def send_original(self, key: Hashable, upload: Upload) -> Iterator[None]:
        """Reads an original, one band per step, and then sends it in a thread of its own; no step takes long."""
        bands: list[Chunk] = []
        name = yield from upload.name_in_steps(bands)
        if name not in self._names:
            thread = threading.Thread(target=self._post, args=(name, upload, bands), daemon=True)
            thread.start()
            while thread.is_alive():
                thread.join(_STEP_SECONDS)
                yield
            if name not in self._names:
                return  # whoever waits for the worker reports that it is gone
        self._originals[key] = name
        yield

    def _post(self, name: str, upload: Upload, bands: Sequence[Chunk]) -> None:
        if self.worker.post_image(name, upload.role, upload.layout, upload.icc_profile, bands):
            self._names.add(name)

    def original_names(self, keys: Collection[Hashable]) -> dict[Hashable, str] | None:
        """Returns the names of these originals by key; None while the worker does not have all of them."""
        return {key: self._originals[key] for key in keys} if all(key in self._originals for key in keys) else None

    def keep_originals(self, keys: Collection[Hashable]) -> None:
        """Lets the worker forget all originals except these. No transfer that uses the others may be running."""
        dropped = {self._originals.pop(key) for key in self._originals.keys() - set(keys)}
        for name in self._names.intersection(dropped.difference(self._originals.values())):
            self._names.remove(name)
            self.worker.forget(name)

    def knows(self, spec: TransferSpec) -> bool:
        """Returns whether the worker has all images of a transfer."""
        needed = {spec.source, *(name for reference in spec.references for name in (reference.image, *reference.masks) if name)}
        return needed <= self._names

    # -- transfers

    def finished_job(self, spec: TransferSpec | None) -> str:
        """Returns the name of the finished job with this spec; "" if the worker keeps none."""
        return next((job for known, job in self._finished if known == spec), "")

    def start(self, spec: TransferSpec, applied: Mapping[str, float], onto: str = "") -> str:
        """Starts a transfer, or if it is finished already only its application; returns the job's name for :meth:`finish`.

        Args:
            spec: the transfer.
            applied: the values of :data:`APPLIED`.
            onto: name of an image of the source at another size, which is recolored instead; "" means the source.
        """
        if job := self.finished_job(spec):
            return self.worker.apply(job, applied["strength"], applied["keep_lightness"], onto)
        return self.worker.transfer(spec.source, spec.references, {**spec.params, **applied}, onto, spec.device, spec.file_side)

    def finish(self, spec: TransferSpec, job: str, progress: Callable[[float, Text], None]) -> Result:
        """Waits for a job of :meth:`start` and returns its result; see :meth:`Worker.wait`."""
        result = self.worker.wait(job, progress)
        if result.facts.transfer == job:
            self._finished = [*self._finished, (spec, job)][-KEPT_TRANSFERS:]
        return result


def with_worker(settings: WorkerSettings, session: WorkerSession | None, job: Callable[[WorkerSession], _T]) -> _T:
    """Does a job with a worker, and if the worker is lost meanwhile, once more with a new one. The workers are closed.

    Args:
        settings: how to start a worker.
        session: a session with a running worker; None starts one.
        job: what to do with a session; it must leave nothing behind when the worker is lost.

    Raises:
        WorkerLost: no worker can be started, or the second one was lost too.
        Whatever the job raises.
    """
    session = session or WorkerSession.begin(settings)
    try:
        with session.worker:
            return job(session)
    except WorkerLost:
        session = WorkerSession.begin(settings)
    with session.worker:
        return job(session)


def _modification_time(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0  # the worker reports what is wrong with the file
