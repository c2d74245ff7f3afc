"""Recolors many pictures one after the other: a failure stops none of the others, what is done already is skipped."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contract.errors import DeviceLost, InputError, NctError, WeightsError
from ..files.color_space import from_srgb
from ..files.picture import Picture
from ..files.read import read_picture
from ..files.replace import check_writable, replacing
from ..files.write import check_storable, save_picture, storable_dtype
from .pictures import srgb
from .plan import Task
from .terminal import ProgressBar, fail, signals

if TYPE_CHECKING:
    from ..runtime.progress import Progress

DONE, SKIPPED, FAILED = "recolored", "there already", "failed"


@dataclass(frozen=True)
class Recolored:
    """What a recoloring function gives.

    Attributes:
        image: float32 [H, W, C], sRGB-encoded; None where the picture stays as it is, bit for bit.
        note: how, in words.
    """

    image: np.ndarray | None
    note: str


Recolor = Callable[[Task, np.ndarray, "Progress"], Recolored]
"""Recolors the pixels of a task's source, float32 [H, W, C], sRGB-encoded."""


def run(tasks: Sequence[Task], recolor: Recolor, options: argparse.Namespace, warnings: list[str]) -> int:
    """Recolors all pictures, tells of each, and at the end how many there were; returns the exit code.

    Args:
        tasks: what is to be done.
        recolor: recolors one picture.
        options: ``again``, ``quiet``, ``json`` and ``debug`` of the command.
        warnings: those that were shown.

    Raises:
        InputError: the folder for the results cannot be made.
        WeightsError, DeviceLost: with the others it would be the same.
        NctError: there is only one picture, and it failed.
    """
    from ..runtime.memory import peak_mib

    rows: list[dict[str, Any]] = []
    codes, clock = {0}, _Clock(len(tasks))
    for folder in {task.target.parent for task in tasks}:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: expected a folder that can be made, got {error.strerror or error}; choose another name") from error
    for task in tasks:
        row: dict[str, Any] = {"source": str(task.source), "output": str(task.target)}
        rows.append(row)
        if task.target.exists() and not options.again:
            clock.skip()
            row["status"] = SKIPPED
            continue
        status, code = _attempt(task, recolor, options, clock)
        row.update(status)
        codes.add(code)
    counts = {status: sum(row["status"] == status for row in rows) for status in (DONE, SKIPPED, FAILED)}
    if options.json:
        seconds = round(time.monotonic() - clock.started, 3)
        print(json.dumps({"pictures": rows, "seconds": seconds, "peak_memory_mib": peak_mib(), "warnings": warnings}))
    elif not options.quiet:
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        print(f"{len(tasks)} {'picture' if len(tasks) == 1 else 'pictures'}: {told}")
    return 1 if 1 in codes else max(codes)


def _attempt(task: Task, recolor: Recolor, options: argparse.Namespace, clock: _Clock) -> tuple[dict[str, Any], int]:
    """Does one task; returns what is to be reported, and the exit code."""
    bar, begun = ProgressBar(show=sys.stderr.isatty() and not options.quiet), time.monotonic()
    try:
        try:
            note = one(task, recolor, lambda done, stage: bar(*clock.shown(done, f"{task.source.name}: {stage}")))
        finally:
            bar.clear()
    except (WeightsError, DeviceLost):
        raise
    except Exception as error:  # whatever is wrong with one picture, the others are recolored
        if clock.total == 1:
            raise
        clock.finish(counts=False)
        message, code = _told(error)
        message = message if str(task.source) in message or str(task.target) in message else f"{task.source}: {message}"
        fail(message, code, options.debug)
        return {"status": FAILED, "error": message}, code
    clock.finish(counts=True)
    seconds = time.monotonic() - begun
    if not options.quiet:
        print(f"{task.target}: {clock.position}, {note}{seconds:.1f} s{clock.left()}", file=sys.stderr, flush=True)
    return {"status": DONE, "seconds": round(seconds, 3)}, 0


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, NctError):
        return str(error), 2
    if isinstance(error, MemoryError):
        return f"expected enough memory for the picture, but the machine has no more ({error}); use a smaller one", 2
    return f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1


def one(task: Task, recolor: Recolor, progress: Progress) -> str:
    """Reads, recolors and writes one picture; returns the note.

    Raises:
        NctError: the picture cannot be read, recolored or written; no file is left behind.
    """
    source = read_picture(task.source)
    target = check_writable(task.target, (task.target.suffix.lower(),))
    dtype = storable_dtype(target, source.pixels.dtype)
    check_storable(target, source.pixels.shape, dtype)
    found = recolor(task, srgb(task.source, source), progress)
    if found.image is not None:
        pixels = from_srgb(found.image, source.icc_profile, dtype)
    else:
        pixels = source.pixels if dtype == source.pixels.dtype else from_srgb(srgb(task.source, source), source.icc_profile, dtype)
    with replacing(target) as temporary:
        save_picture(temporary, Picture(pixels, source.icc_profile, source.metadata, source.resolution))
        signals.check()
    return found.note


class _Clock:
    """How many pictures are done, and how long the rest will take.

    Args:
        total: number of pictures.
    """

    def __init__(self, total: int) -> None:
        self.started = time.monotonic()
        self.total, self._behind = total, 0
        self._timed, self._begun, self._spent = 0, self.started, 0.0

    @property
    def position(self) -> str:
        """Which picture was the last."""
        return f"{self._behind} of {self.total}"

    def skip(self) -> None:
        """Passes over a picture that needs no time."""
        self._behind += 1
        self._begun = time.monotonic()

    def finish(self, *, counts: bool) -> None:
        """Ends a picture; one that failed says nothing of the time that others take."""
        self._behind += 1
        now = time.monotonic()
        if counts:
            self._timed, self._spent = self._timed + 1, self._spent + now - self._begun
        self._begun = now

    def shown(self, done: float, stage: str) -> tuple[float, str]:
        """For the progress bar, while a picture is done so far: the share of all, and where it is in words."""
        return (self._behind + done) / self.total, f"{self._behind + 1} of {self.total}, {stage}{self.left(done)}"

    def left(self, done: float = 0.0) -> str:
        """The time that is left, in words; empty where it is not known yet."""
        rest = self.total - self._behind - done
        if not self._timed or rest <= 0:
            return ""
        seconds = round(rest * self._spent / self._timed)
        if seconds >= 5400:
            return f", about {round(seconds / 3600)} h left"
        return f", about {round(seconds / 60)} min left" if seconds >= 90 else f", about {seconds} s left"
