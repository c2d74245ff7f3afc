"""What a benchmark ran on, and the memory and time that a process has used."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Everything about the machine that decides speed, for the record; ``devices`` lists the names of the devices with their words."""
    import numba
    import numpy
    import scipy
    import torch

    from .. import __version__
    from ..features import weights
    from ..runtime import backend, threads

    names = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["mps"] * torch.backends.mps.is_available()
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "system": _system(),
        "cpu": _cpu_model(),
        "cores": threads.count(),
        "memory_gib": _memory_gib(),
        "load_before": _load(),
        "devices": {name: backend.describe(torch.device(name)) for name in names},
        "backbone": weights.find().backbone,
        "torch_threads": torch.get_num_threads(),
        "versions": {
            "neural-color-transfer": __version__, "python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda,
            "numba": numba.__version__, "numpy": numpy.__version__, "scipy": scipy.__version__,
        },
    }  # fmt: skip


def peak_memory_mib() -> float | None:
    """The most memory that this process has held; None where the system does not say (Windows).

    Linux counts a process's memory before ``exec``, its parent's, in ``ru_maxrss``: there the figure is that of the program alone.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def synchronize(device: Any) -> None:
    """Waits until the device has done what it was given."""
    import torch

    if device.type != "cpu":
        (torch.cuda if device.type == "cuda" else torch.mps).synchronize()


def _system() -> str:
    name = f"{platform.system()} {platform.machine()}"
    with contextlib.suppress(OSError):  # no such file outside of Linux
        name += f", {platform.freedesktop_os_release()['PRETTY_NAME']}"
    return name


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
