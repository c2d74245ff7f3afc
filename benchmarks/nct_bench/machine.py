"""What a benchmark ran on, and how a process is held to an older processor's instructions."""

from __future__ import annotations

import contextlib
import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

AVX2_ONLY = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # its convolutions
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # and its matrix products
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",  # numba adds those of the host to the name otherwise
    "OPENBLAS_CORETYPE": "Haswell",  # numpy and scipy
}
"""Environment of a process that uses AVX2, as most laptops do, and nothing newer."""
_NEWER = {"AVX-512": ("avx512f",), "VNNI": ("avx512vnni", "avxvnni"), "AMX": ("amx-tile",)}


def instructions() -> list[str]:
    """What the processor has of AVX2, AVX-512, VNNI and AMX, in this order."""
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features()
    return [name for name, flags in {"AVX2": ("avx2",), **_NEWER}.items() if any(features.get(flag) for flag in flags)]


def describe() -> dict[str, Any]:
    """Everything about the machine that decides speed, for the record; ``devices`` lists the names of the devices with their words."""
    import numba
    import numpy
    import scipy
    import torch

    from nct_core import __version__
    from nct_core.features import weights
    from nct_core.runtime import backend, threads

    names = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["mps"] * torch.backends.mps.is_available()
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "system": _system(),
        "cpu": _cpu_model(),
        "instructions": instructions(),
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
