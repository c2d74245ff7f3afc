"""Where the time of a transfer goes: a profile by stage, without a word about it in the code that is measured.

A stage is a call into one of the modules below from outside of them; its time includes everything that it calls.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STAGES = {
    "features.pyramid": "network",
    "features.fixed_point": "network",
    "features.weights": "loading weights",
    "matching.patchmatch": "matching",
    "guidance.voting": "voting",
    "guidance.labels": "fusion",
    "guidance.fuse": "fusion",
    "guidance.evidence": "fusion",
    "transform.clusters": "nonlocal ties",
    "transform.nonlocal_ties": "nonlocal ties",
    "transform.fit.fit": "fit",
    "transform.upsample.__call__": "upsampling",
    "transform.apply": "application",
    "pixels.check": "scaling and colors",
    "pixels.resample": "scaling and colors",
    "pixels.working": "scaling and colors",
    "pixels.lab": "scaling and colors",
}
"""Modules of the library, or functions of them, and the stage that they are."""


class StageClock:
    """Adds up seconds by stage.

    Args:
        synchronize: waits until the device has done what it was given.
    """

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._synchronize = synchronize
        self._running: tuple[FrameType, str, float] | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watches the calls of this thread."""
        before = sys.getprofile()
        sys.setprofile(self._watch)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _watch(self, frame: FrameType, event: str, _: Any) -> None:
        if self._running is None:
            stage = _stage(frame) if event == "call" else None
            if stage is not None:
                self._synchronize()
                self._running = (frame, stage, time.perf_counter())
        elif event == "return" and frame is self._running[0]:
            self._synchronize()
            self.seconds[self._running[1]] += time.perf_counter() - self._running[2]
            self._running = None


def _stage(frame: FrameType) -> str | None:
    package, _, module = frame.f_globals.get("__name__", "").partition(".")
    if package != "nct_core":
        return None
    return STAGES.get(f"{module}.{frame.f_code.co_name}") or STAGES.get(module)
