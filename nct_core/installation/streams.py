"""Standard streams that are always there and take every text.

Standard library only, Python >= 3.9: ``install.py`` uses it.
"""

from __future__ import annotations

import io
import os
import sys


def ready_streams() -> None:
    """Makes sure that printing never fails: a missing stream leads nowhere, and what it cannot encode is escaped."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # it was started without it, and the next file to be opened would take its place
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115  it stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
