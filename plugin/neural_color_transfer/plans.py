"""What a worker has been given and has done, so that neither is done twice: the dialog's preview and the run after it share it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nct_shared.frames import KEPT_TRANSFERS, Chunk, Header, PixelLayout
from worker_client import Reference, Worker

APPLIED = ("strength", "keep_lightness")
"""The parameters that change how a transfer's result is applied, and not the transfer."""


@dataclass(frozen=True)
class Picture:
    """A picture for the worker.

    Attributes:
        role: one of :data:`frames.ROLES`.
        layout: of the pixels, with the profile's length.
        icc_profile: of the pixels; empty means sRGB.
        read: yields the pixels in the layout's bands, anew with every call.
    """

    role: str
    layout: PixelLayout
    icc_profile: bytes
    read: Callable[[], Iterator[Chunk]]

    def naming(self, kept: list[Chunk] | None = None) -> Generator[None, None, str]:
        """Reads a band at a time, yields after each, and returns the picture's name, which no other pixels have; adds the bands to ``kept``."""
        digest = hashlib.sha256(f"{self.role} {self.layout}".encode() + self.icc_profile)
        for band in self.read():
            digest.update(band)
            if kept is not None:
                kept.append(band)
            yield
        return digest.hexdigest()

    def name(self) -> str:
        """What :meth:`naming` returns."""
        naming = self.naming()
        while True:
            try:
                next(naming)
            except StopIteration as end:
                return str(end.value)


@dataclass(frozen=True)
class Plan:
    """A transfer between pictures that the worker has been sent; equal plans give equal transfers.

    Attributes:
        source: name of the picture to recolor.
        references: what gives the colors.
        params: of the transfer, but for :data:`APPLIED`.
        file_side: longer side in pixels to which files are reduced; 0 leaves them as they are.
        changed: when each file among the references was, in nanoseconds; 0 where there is none.
    """

    source: str
    references: Sequence[Reference]
    params: Mapping[str, Any]
    file_side: int = 0
    changed: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", [_changed(reference.file) for reference in self.references if reference.file])


class Prepared:
    """A living worker, the pictures that it has, and the transfers that it has finished and keeps.

    Attributes:
        worker: to be closed by whoever has it at last.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._done: list[tuple[Plan, str]] = []
        self._names: set[str] = set()

    def done(self, plan: Plan | None) -> str:
        """The name of the job that has done this; "" where none is kept."""
        return next((job for known, job in self._done if known == plan), "")

    def send(self, picture: Picture) -> str:
        """Sends a picture unless the worker has it; returns its name."""
        name = picture.name()
        if name not in self._names:
            self.send_as(name, picture, picture.read())
        return name

    def send_as(self, name: str, picture: Picture, bands: Iterable[Chunk]) -> None:
        """Sends a picture whose name and pixels are at hand, unless the worker has it."""
        if name not in self._names:
            self.worker.send_image(name, picture.role, picture.layout, picture.icc_profile, bands)
            self._names.add(name)

    def forget(self, names: Iterable[str]) -> None:
        """Drops pictures that no plan needs any more."""
        for name in self._names.intersection(names):
            self._names.remove(name)
            self.worker.forget(name)

    def start(self, plan: Plan, applied: Mapping[str, float], onto: str = "") -> str:
        """Starts a transfer, or where it is done already, applying it; returns the job's name for :meth:`finish`.

        Args:
            plan: of the transfer.
            applied: the values of :data:`APPLIED`.
            onto: name of the source's picture at another size, which is recolored in its stead; "" is the source.
        """
        if job := self.done(plan):
            return self.worker.apply(job, applied["strength"], applied["keep_lightness"], onto)
        return self.worker.transfer(plan.source, plan.references, {**plan.params, **applied}, onto=onto, file_side=plan.file_side)

    def finish(self, plan: Plan, job: str, progress: Callable[[float, str], None]) -> Header:
        """Waits for what :meth:`start` has started; see :meth:`Worker.wait`."""
        result = self.worker.wait(job, progress)
        if result["transfer"] == job:
            self._done = [*self._done, (plan, job)][-KEPT_TRANSFERS:]
        return result


def _changed(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0  # the worker says what is wrong
