"""Work that begins again on the CPU where another device fails (ours)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from ..contract.errors import Cancelled, InputError, WeightsError
from ..contract.texts import Text
from . import backend
from .backend import Backend, Trial
from .progress import Caller, Stages

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def on_first_that_computes(wanted: str, trials: tuple[Trial, ...], stages: Stages, caller: Caller, work: Callable[[Backend], _Result]) -> _Result:
    """Does work on the device that is wanted; with "auto", on the CPU after any failure of a GPU.

    Args:
        wanted: "auto", "cpu", "cuda", "cuda:N" or "mps".
        trials: one for each operator that has Triton kernels.
        stages: reports progress; a restart is one of its stages.
        caller: knows which exceptions are those of the caller's own functions. They come out as they were raised, and nothing begins again.
        work: does the whole of the work on a device; its input has been checked.

    Raises:
        DeviceError: no such device, not enough memory, or the device that was asked for failed.
        Whatever ``work`` and the caller's functions raise.
    """
    *first, last = backend.candidates(wanted)
    for name in first:
        try:
            return _attempt(name, trials, caller, work)
        except (Cancelled, WeightsError):
            raise
        except Exception as problem:  # every library underneath has types and words of its own
            if problem is caller.error:
                raise
            words, short_of_memory = str(backend.failure(problem, name)), isinstance(problem, (backend.OutOfMemory, InputError))  # the images are checked
        # What the failed attempt held on the device is given up with its exception.
        _log.warning("the work begins again on the CPU: %s", words)
        device_name = backend.describe(torch.device(name))
        stages.restart(Text("too_little_memory_on_device", device_name) if short_of_memory else Text("device_failed", device_name))
    return _attempt(last, trials, caller, work)


def _attempt(name: str, trials: tuple[Trial, ...], caller: Caller, work: Callable[[Backend], _Result]) -> _Result:
    """The whole of the work on one device; an error of the caller's functions comes out as it was raised."""
    at = backend.start(name, trials)
    try:
        with backend.failure_as_error(at):
            return work(at)
    except Exception:
        if caller.error is not None:
            raise caller.error from None
        raise
    finally:
        at.release()
