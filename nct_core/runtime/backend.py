"""Which device computes: by name or "auto", and what it is called in messages."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..contract.errors import DeviceError

_log = logging.getLogger(__name__)


class OutOfMemory(DeviceError):
    """What was being done does not fit into the memory of the device."""


def resolve(name: str) -> torch.device:
    """Turns "auto", "cpu", "cuda", "cuda:N" or "mps" into a device; "auto" is CUDA, else MPS, else the CPU.

    Raises:
        DeviceError: the name is not one of these, or the machine has no such device.
    """
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present = [f"cuda:{i}" for i in range(torch.cuda.device_count())] + present
    wanted = {"auto": present[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in present:
        raise DeviceError(f"expected one of the devices that this machine has (auto, {', '.join(present)}), got {name!r}")
    return torch.device(wanted)


def describe(device: torch.device) -> str:
    """The device in words, for messages: "CPU", "Apple GPU" or the GPU's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else {"mps": "Apple GPU"}.get(device.type, "CPU")


@functools.cache
def runs_triton(device: torch.device) -> bool:
    """Whether Triton's kernels run on a device: the GPU, the system's C compiler and Python's headers have to be fit for it.

    Found out by running one; where it does not, the log says why, and the slower kernels of plain torch are used.
    """
    if device.type != "cuda":
        return False
    try:
        from .triton_probe import run

        run(device)
    except Exception as problem:  # as many types as there are causes, and none of them is an error here
        _log.warning("Triton's kernels do not run on %s, slower ones are used: %s: %s", describe(device), type(problem).__name__, problem)
        return False
    return True


@contextmanager
def out_of_memory_as_error(what: str) -> Iterator[None]:
    """Turns every kind of running out of memory into one OutOfMemory that names ``what`` was being done."""
    advice = "use a smaller working size or a smaller image"
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as problem:
        raise OutOfMemory(f"expected enough memory for {what}, but the device has no more; {advice}") from problem
    except RuntimeError as problem:
        # torch's CPU allocator has no exception type of its own.
        if not any(words in str(problem) for words in ("not enough memory", "can't allocate memory", "out of memory")):
            raise
        raise OutOfMemory(f"expected enough memory for {what}, but the machine has no more; {advice}") from problem
