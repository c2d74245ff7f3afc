"""How much memory a transfer takes, how much there is and how much was used (ours)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ..contract.errors import InputError
from .backend import Backend, OutOfMemory

# Bytes per working pixel, rounded up from measurements: what is at work at one time, and what each reference keeps.
_WORK, _REFERENCE = 2100, 240


def check_room(source: tuple[int, int], references: Sequence[tuple[int, int]], at: Backend) -> None:
    """Makes sure that a transfer fits into memory.

    Args:
        source, references: (rows, columns) at working size.
        at: where the transfer runs.

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
        raise OutOfMemory(
            f"expected about {needed / 2**30:.1f} GiB of free memory for a transfer of this size, got {free / 2**30:.1f} GiB; "
            "use a smaller working size, or close other programs"
        )
    raise InputError(
        f"expected at most {room} references of this size in the {free / 2**30:.1f} GiB of memory that are free, got {len(references)}; "
        "use fewer, a smaller working size, or close other programs"
    )


def available(at: Backend) -> int | None:
    """Bytes that can still be had where a transfer runs; None where the system does not say."""
    own = at.own_memory()
    if own is not None:
        return own
    system = platform.system()
    if system == "Linux":
        return min((limit for limit in (_free(), _control_group(), _address_space()) if limit is not None), default=None)
    if system == "Windows":
        return _windows()
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # macOS: what other programs hold it can compress or swap


def peak_mib(process: int | None = None) -> float | None:
    """The most memory that a process has held, in MiB.

    ``ru_maxrss`` will not do on Linux: there it begins with what the parent held when it started the process.

    Args:
        process: the number of one that runs; None is this one.

    Returns:
        None where the system does not say: for this process on Windows, for another one outside of Linux.

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
    """What the container's limit leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        # Cached files are given up when memory is needed.
        cached = next(int(line.split()[1]) for line in (folder / "memory.stat").read_text().splitlines() if line.startswith("file "))
        return None if limit == "max" else int(limit) - int((folder / "memory.current").read_text()) + cached
    except (OSError, ValueError, StopIteration):
        return None


def _address_space() -> int | None:
    """What a limit on the process's address space (``ulimit -v``) leaves."""
    import resource  # not there on Windows

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return None if limit == resource.RLIM_INFINITY else limit - held


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32)] + [
            (name, ctypes.c_uint64) for name in ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "extended")
        ]

    status = Status(length=ctypes.sizeof(Status))
    return int(status.free) if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None  # type: ignore[attr-defined,unused-ignore]
