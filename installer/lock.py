"""One installation at a time."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .console import Trouble

NAME = "install.lock"
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps every other ``install.py`` out of ``folder``, which is made, for this user alone, if missing; the system lifts the lock when this process ends.

    Raises:
        Trouble: another one is at work.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / NAME, "a", encoding="utf-8") as file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _TAKEN:  # a file system without locks must not keep anyone from installing
                raise Trouble("Another install.py is running; wait for it to end, then run this one again.") from error
        yield


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
