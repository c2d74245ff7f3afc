"""Reports how far a piece of work is, and lets the caller stop it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..contract.errors import Cancelled
from ..contract.texts import Text

Progress = Callable[[float, str], None]
"""Called with the share of all work that is done, [0, 1], and the stage in words."""
Advance = Callable[[float], None]
"""Called often with the share of a piece of work that is done, [0, 1]. What it raises ends the work."""


def unwatched(_done: float) -> None:
    """Reports nothing: for work whose progress nobody watches."""


def part(advance: Advance, first: float, last: float) -> Advance:
    """Reports the progress of a part as that of the larger work, of which it is the share from ``first`` to ``last``."""
    return lambda done: advance(first + done * (last - first))


_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Caller:
    """Wraps the functions that the caller of the library passed in, so that their exceptions can be distinguished from those of the work.

    Attributes:
        error: the exception that one of them raised; None if none has.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def watched(self, function: Callable[_Parameters, _Result] | None) -> Callable[_Parameters, _Result] | None:
        """The same function; None stays None."""
        if function is None:
            return None

        def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                self.error = error
                raise

        return call


class Stages:
    """Reports the share of the work that is done to the caller, who may cancel at each report.

    Args:
        total: the cost of all stages together.
        progress: called with the share that is done, [0, 1], which never falls, and the stage in words; None: no reports.
        cancel: called at each report; True ends the work. None: the work cannot be canceled.
    """

    def __init__(self, total: float, progress: Progress | None, cancel: Callable[[], bool] | None) -> None:
        self._total = total
        self._progress, self._cancel = progress, cancel
        self._done, self._cost, self._name = 0.0, 0.0, ""  # what is behind the current stage, and the stage
        self._lost, self._told = 0.0, 0.0  # the share that went by before a restart, and what was told last

    def begin(self, cost: float, name: str) -> None:
        """Reports that a stage of this cost begins."""
        self._done, self._cost, self._name = self._done + self._cost, cost, name
        self.advance(0.0)

    def advance(self, done: float) -> None:
        """Reports that this share of the current stage is done, or raises Cancelled if the caller wants to stop."""
        if self._cancel is not None and self._cancel():
            raise Cancelled("the transfer was canceled")
        if self._progress is not None:
            share = min(1.0, (self._done + done * self._cost) / self._total)
            self._told = max(self._told, self._lost + (1.0 - self._lost) * share)
            self._progress(self._told, self._name)

    def restart(self, name: str) -> None:
        """Reports that all work begins again; the fraction does not fall."""
        self._lost, self._done, self._cost = self._told, 0.0, 0.0
        self.begin(0.0, name)

    def skip(self, cost: float) -> None:
        """Skips work of this cost."""
        self._done += cost

    def end(self) -> None:
        """Reports that all work is done."""
        self._done, self._cost = self._total, 0.0
        self.begin(0.0, Text("done"))
