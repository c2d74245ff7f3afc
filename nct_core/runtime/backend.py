"""Chooses the device that computes. It is chosen once, tested by running it, and passed on. No other module asks for the type of a device.

An operator has one file for each kind of :class:`Kernels`. Most operators choose the kernels by the device of their tensors (:func:`on_cpu`).
Operators with Triton kernels get the choice from the :class:`Backend`, because only a trial shows whether these run.
"""

from __future__ import annotations

import enum
import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..contract.errors import DeviceError, DeviceLost, NctError
from ..contract.texts import Text

_log = logging.getLogger(__name__)

_MEMORY_WORDS = ("not enough memory", "can't allocate memory", "out of memory")  # torch's CPU allocator has no exception type of its own
_REPORT_CHARACTERS = 200

Trial = Callable[[torch.device], None]
"""Runs a Triton kernel on a tiny case; raises where it cannot or where the result is wrong."""


class OutOfMemory(DeviceError):
    """The device has too little memory for the work."""


class Kernels(enum.Enum):
    """The implementations of an operator, by the name of their file."""

    CPU = "kernels_cpu"
    TRITON = "kernels_triton"
    TORCH = "kernels_torch"


@dataclass(frozen=True)
class Backend:
    """A device that has been tested: it computes.

    Attributes:
        device: the device.
        kernels: the kernels that run there.
        name: the device in words, for messages: "CPU", "Apple GPU" or the GPU's own name.
    """

    device: torch.device
    kernels: Kernels
    name: str

    def own_memory(self) -> int | None:
        """Bytes that can still be allocated on the device; None for a device that shares the memory of the machine."""
        if self.device.type != "cuda":
            return None
        reserved = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(torch.cuda.mem_get_info(self.device)[0]) + reserved

    def release(self) -> None:
        """Gives memory that PyTorch holds for later use back to a GPU, which other programs use too."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


CPU = Backend(torch.device("cpu"), Kernels.CPU, "CPU")

_failed: dict[torch.device, DeviceError] = {}  # devices that this process cannot use, and why; they are not tried again


def candidates(wanted: str) -> list[str]:
    """Lists the devices to try, in order: for "auto" CUDA or MPS, if the machine has it, and then the CPU; otherwise the given device.

    Args:
        wanted: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        DeviceError: the name is not one of these, or the machine has no such device.

    Example:
        >>> candidates("cpu")
        ['cpu']
    """
    names = _present()
    if wanted == "auto":
        return list(dict.fromkeys([names[0], "cpu"]))
    name = "cuda:0" if wanted == "cuda" else wanted
    if name not in names:
        raise DeviceError(Text("no_such_device", ", ".join(["auto", *names]), wanted))
    return [name]


def present() -> list[tuple[str, str]]:
    """Lists the devices of this machine: the name that :func:`candidates` takes, and the device in words.

    Example:
        >>> present()[-1]
        ('cpu', 'CPU')
    """
    return [(name, describe(torch.device(name))) for name in _present()]


def _present() -> list[str]:
    """The names of the devices of this machine, the preferred one first."""
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    if torch.cuda.is_available():
        found = [f"cuda:{number}" for number in range(torch.cuda.device_count())] + found
    return found


def start(name: str, trials: tuple[Trial, ...] = ()) -> Backend:
    """Tests that a device computes: with a small convolution, and on CUDA with the Triton kernels on tiny cases.

    Triton needs a GPU, a C compiler and Python's headers. If one of its kernels fails, the log says why, and the slower kernels of plain torch
    are used, provided that the device still computes. Each device is tested once in a process. One that fails the test, or is lost later, is not
    tried again in the process: whatever begins there begins elsewhere at once, and does not fail halfway again.

    Args:
        name: one of :func:`candidates`.
        trials: one for each operator that has Triton kernels; without any, the kernels of plain torch are used.

    Raises:
        DeviceLost: the device was lost before.
        DeviceError: the device does not compute; the message contains its report.

    Example:
        >>> start("cpu").name
        'CPU'
    """
    device = torch.device(name)
    if device in _failed:
        raise type(_failed[device])(_failed[device].text)
    return _proved(device, trials)


@functools.cache
def _proved(device: torch.device, trials: tuple[Trial, ...]) -> Backend:
    if on_cpu(device):
        return CPU
    name = describe(device)
    try:
        _convolve(device)
        runs_triton = device.type == "cuda" and bool(trials) and _run(trials, device, name)
    except Exception as problem:  # each library raises types and messages of its own
        error = failure(problem, name)
        if not isinstance(error, OutOfMemory):  # other programs may give some back
            _failed[device] = error
        raise error from problem
    return Backend(device, Kernels.TRITON if runs_triton else Kernels.TORCH, name)


def choose(wanted: str) -> Backend:
    """Returns the first of the :func:`candidates` that computes; the log says why the others do not.

    Raises:
        DeviceError: there is no such device, or none that computes.
    """
    *first, last = candidates(wanted)
    for name in first:
        try:
            return start(name)
        except DeviceError as problem:
            _log.warning("%s", problem)
    return start(last)


def on_cpu(place: torch.Tensor | torch.device) -> bool:
    """Whether a tensor lies on the CPU, where the compiled kernels (:attr:`Kernels.CPU`) run."""
    return (place if isinstance(place, torch.device) else place.device).type == "cpu"


def repeated(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Returns a step that works in place on the same tensors at each call, in a form that is fast to call often (ours).

    On CUDA the second call records the launches as a graph, which this call and later ones replay: starting thousands of small kernels one by one
    takes far longer than running them. Elsewhere, and where a graph cannot be recorded, it is the step itself.

    Args:
        step: launches work on ``device`` and waits for nothing; it keeps no result of its own.
        device: where it computes.

    Example:
        >>> total = torch.zeros(1)
        >>> add_one = repeated(lambda: total.add_(1) and None, total.device)
        >>> add_one(), add_one(), float(total)
        (None, None, 2.0)
    """
    return _Graph(step, device) if device.type == "cuda" else step


class _Graph:
    """A step that is run once, then recorded, then replayed."""

    def __init__(self, step: Callable[[], None], device: torch.device) -> None:
        self._step, self._device = step, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        self._calls += 1
        if self._calls == 2:
            self._graph = self._recorded()
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()

    def _recorded(self) -> torch.cuda.CUDAGraph | None:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        try:
            with torch.cuda.stream(stream):
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    self._step()
                finally:
                    graph.capture_end()
        except RuntimeError as problem:
            _log.warning("CUDA graphs do not work here, every kernel is started by itself: %s", str(problem).splitlines()[0])
            return None
        torch.cuda.current_stream(self._device).wait_stream(stream)
        return graph


def sums_segments(values: torch.Tensor) -> bool:
    """Whether torch can sum segments on the device where a tensor lies; MPS cannot."""
    return values.device.type != "mps"


def describe(device: torch.device) -> str:
    """The device in words, for messages: "CPU", "Apple GPU" or the GPU's own name."""
    if device.type != "cuda":
        return {"mps": "Apple GPU"}.get(device.type, "CPU")
    try:
        return torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError):  # a broken CUDA cannot name the device
        return str(device)


def failure(problem: BaseException, name: str) -> DeviceError:
    """Turns an exception of a device into an error with a readable message; the error keeps no reference to the exception or its traceback.

    Args:
        problem: the exception that was raised while the device computed.
        name: name of the device for the message.

    Returns:
        An OutOfMemory if memory ran out, otherwise a DeviceError; errors of the library keep their message.
    """
    if isinstance(problem, NctError):
        return type(problem)(problem.text) if isinstance(problem, DeviceError) else DeviceError(problem.text)
    reported = f"{type(problem).__name__}: {problem}".splitlines()[0][:_REPORT_CHARACTERS]
    if _is_out_of_memory(problem):
        return OutOfMemory(Text("out_of_device_memory", name, reported))
    return DeviceError(Text("device_error", name, reported))


def is_lost(device: torch.device) -> bool:
    """Whether a device no longer works in this process, so that only a new process can use it."""
    if on_cpu(device):
        return False
    try:
        _convolve(device)
    except Exception as problem:
        return not _is_out_of_memory(problem)
    return False


@contextmanager
def failure_as_error(at: Backend) -> Iterator[None]:
    """Turns every exception of a device other than the CPU into a DeviceError with its message, or into a DeviceLost if the device is lost."""
    try:
        yield
    except NctError:
        raise
    except Exception as problem:
        if at.kernels is Kernels.CPU:
            raise
        error = failure(problem, at.name)
        raise (_lost(error, at.device) if is_lost(at.device) else error) from problem


@contextmanager
def loss_as_error(device: torch.device) -> Iterator[None]:
    """Turns an error after which the device is lost into a DeviceLost; others pass through."""
    try:
        yield
    except NctError:
        raise
    except Exception as problem:
        if not is_lost(device):
            raise
        raise _lost(failure(problem, describe(device)), device) from problem


def _lost(error: DeviceError, device: torch.device) -> DeviceLost:
    """The error that says that a device is lost; the device is not used again in this process."""
    _failed[device] = DeviceLost(Text("device_lost", error.text))
    return DeviceLost(_failed[device].text)


@contextmanager
def out_of_memory_as_error(what: str) -> Iterator[None]:
    """Turns every kind of out-of-memory exception into one OutOfMemory that names the work, ``what``."""
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        if not _is_out_of_memory(problem):
            raise
        owner = "device" if isinstance(problem, (MemoryError, torch.OutOfMemoryError)) else "machine"
        raise OutOfMemory(f"expected enough memory for {what}, but the {owner} has no more; use a smaller working size or a smaller image") from problem


def _is_out_of_memory(problem: BaseException) -> bool:
    if isinstance(problem, (MemoryError, OutOfMemory, torch.OutOfMemoryError)):
        return True
    return isinstance(problem, RuntimeError) and any(words in str(problem) for words in _MEMORY_WORDS)


def _convolve(device: torch.device) -> None:
    """Runs a small convolution, as every transfer does first."""
    found = F.conv2d(torch.ones(1, 3, 8, 8, device=device), torch.ones(4, 3, 3, 3, device=device))
    if not bool((found == 27.0).all()):
        raise RuntimeError(f"expected 27 everywhere from a convolution of ones, got {float(found.min())} to {float(found.max())}")


def _run(trials: tuple[Trial, ...], device: torch.device, name: str) -> bool:
    """Whether all trials succeed."""
    try:
        for trial in trials:
            trial(device)
    except Exception as problem:  # there are many causes, each with its own type
        _log.warning("Triton's kernels do not run on %s, slower ones are used: %s: %s", name, type(problem).__name__, problem)
        _convolve(device)
        return False
    return True
