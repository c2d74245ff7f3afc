"""The machine's processes, as Linux tells them; for the tests and for what they run where GIMP is."""

from __future__ import annotations

from pathlib import Path


def running(*words: str) -> dict[int, str]:
    """The command lines, words parted by NUL, that hold all these words; by process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if all(word in command for word in words):
            found[int(folder.name)] = command
    return found
