"""What ``nct series --frames`` keeps of the frames before, in memory and in files, so that it can go on after an interruption."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from ..pixels import flow
from ..transform.apply import ColorTransform
from ..transform.steady import steadied

logger = logging.getLogger(__name__)

_NAME = re.compile(r"\.nct-frame-(\d+)\.nct")


class Frames:
    """The frames of one film in order.

    The transforms of the last two frames lie in the folder for the results until the end: that of a frame is written before its result, so the one
    on which the first missing frame builds is always there.

    Args:
        folder: for the results.

    Raises:
        InputError: OpenCV is not installed.
    """

    def __init__(self, folder: Path) -> None:
        flow.check_installed()
        self._folder = folder
        self._before: ColorTransform | None = None

    def steadied(self, number: int, transform: ColorTransform) -> ColorTransform:
        """The transform of a frame, kept steady with those before; ``number`` is the frame's, counted from 1.

        Raises:
            InputError: what was kept cannot be read or written.
        """
        if self._before is None and number > 1:
            self._read(number)
        self._before = steadied(transform, self._before)
        self._before.save(self._path(number))
        for kept in sorted(self._kept())[:-2]:
            self._path(kept).unlink(missing_ok=True)
        return self._before

    def end(self) -> None:
        """Removes what was kept, once the last frame is done."""
        for number in self._kept():
            self._path(number).unlink(missing_ok=True)

    def _read(self, number: int) -> None:
        """Takes over from an earlier run the newest transform before this frame."""
        earlier = [kept for kept in self._kept() if kept < number]
        if earlier:
            self._before = ColorTransform.load(self._path(max(earlier)))
        else:
            logger.warning("frame %d begins anew: nothing is known of the frames before; --again recolors all of them", number)

    def _kept(self) -> list[int]:
        return [int(match[1]) for path in self._folder.iterdir() if (match := _NAME.fullmatch(path.name))]

    def _path(self, number: int) -> Path:
        return self._folder / f".nct-frame-{number}.nct"
