"""How much memory a transfer needs, how much is free and how much was used (ours)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ..contract.errors import InputError
from ..contract.texts import Text
from .backend import Backend, OutOfMemory

# Bytes per working pixel, rounded up from measurements: for the current work, and for what is kept of each reference.
_WORK, _REFERENCE = 2100, 240


def check_room(source: tuple[int, int], references: Sequence[tuple[int, int]], at: Backend) -> None:
    """Makes sure that a transfer fits into memory.

    Args:
        source, references: (rows, columns) at working size.
        at: the backend of the transfer.

    Raises:
        OutOfMemory: not even one reference fits.
        InputError: the references do not fit together; the message says how many do.
    """
    free = available(at)
    if free is None:
        return
    work = _WORK * max(rows * cols for rows, cols in (source, *references))
    kept = _REFERENCE * sum(rows * cols for rows, cols in references)
    if work + kept <= free:
        return
    room = max(0, free - work) * len(references) // kept
    if room < 1:
        needed = work + kept // len(references)
        raise OutOfMemory(Text("transfer_exceeds_memory", f"{needed / 2**30:.1f}", f"{free / 2**30:.1f}"))
    raise InputError(Text("references_exceed_memory", room, f"{free / 2**30:.1f}", len(references)))


def available(at: Backend) -> int | None:
    """Bytes that can still be allocated for a transfer; None if the system does not say."""
    own = at.own_memory()
    if own is not None:
        return own
    system = platform.system()
    if system == "Linux":
        return min((limit for limit in (_free(), _control_group(), _address_space()) if limit is not None), default=None)
    if system == "Windows":
        return _windows()
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # macOS can compress or swap the memory of other programs


def peak_mib(process: int | None = None) -> float | None:
    """The peak memory of a process, in MiB.

    On Linux ``ru_maxrss`` is not usable: it starts with the memory of the parent at the time of the fork.

    Args:
        process: the id of a running process; None means this one.

    Returns:
        The peak, or None if the system does not say: for this process on Windows, for other processes outside of Linux.

    Example:
        >>> peak_mib() > 10
        True
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process or 'self'}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    if process is not None or sys.platform == "win32":
        return None
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _free() -> int | None:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None


def _control_group() -> int | None:
    """Bytes that the container's limit leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        # The system drops cached files when memory is needed.
        cached = next(int(line.split()[1]) for line in (folder / "memory.stat").read_text().splitlines() if line.startswith("file "))
        return None if limit == "max" else int(limit) - int((folder / "memory.current").read_text()) + cached
    except (OSError, ValueError, StopIteration):
        return None


def _address_space() -> int | None:
    """Bytes that a limit on the process's address space (``ulimit -v``) leaves."""
    import resource  # not there on Windows

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return None if limit == resource.RLIM_INFINITY else limit - in_use


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32)] + [
            (name, ctypes.c_uint64) for name in ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "extended")
        ]

    status = Status(length=ctypes.sizeof(Status))
    return int(status.free) if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None  # type: ignore[attr-defined,unused-ignore]
