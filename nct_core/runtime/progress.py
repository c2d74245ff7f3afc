"""How far a piece of work is: told to whoever waits for it, who may stop it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..contract.errors import Cancelled

Progress = Callable[[float, str], None]
"""Called with the share of all work that is done, [0, 1], and the stage in words."""
Advance = Callable[[float], None]
"""Called often with the share of a piece of work that is done, [0, 1]. What it raises ends the work."""


def unwatched(_done: float) -> None:
    """For work that nobody waits for."""


def part(advance: Advance, first: float, last: float) -> Advance:
    """For work that is the part from ``first`` to ``last`` of a larger piece."""
    return lambda done: advance(first + done * (last - first))


_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Caller:
    """Watches the functions that the caller of the library passed in, so that their errors are told from those of the work.

    Attributes:
        error: what one of them raised; None so far.
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
    """The share of the work that is done, told to the caller, who may cancel whenever it is.

    Args:
        total: what all stages cost together.
        progress: called with the share that is done, [0, 1], which never falls, and the stage in words; None for nobody.
        cancel: asked each time; True ends the work. None for never.
    """

    def __init__(self, total: float, progress: Progress | None, cancel: Callable[[], bool] | None) -> None:
        self._total = total
        self._progress, self._cancel = progress, cancel
        self._done, self._cost, self._name = 0.0, 0.0, ""  # what is behind the current stage, and the stage
        self._lost, self._told = 0.0, 0.0  # the share that went by before a restart, and what was told last

    def begin(self, cost: float, name: str) -> None:
        """Tells that a stage of this cost begins."""
        self._done, self._cost, self._name = self._done + self._cost, cost, name
        self.advance(0.0)

    def advance(self, done: float) -> None:
        """Tells that this share of the current stage is done, or raises Cancelled if the caller wants to stop."""
        if self._cancel is not None and self._cancel():
            raise Cancelled("the transfer was canceled")
        if self._progress is not None:
            share = min(1.0, (self._done + done * self._cost) / self._total)
            self._told = max(self._told, self._lost + (1.0 - self._lost) * share)
            self._progress(self._told, self._name)

    def restart(self, name: str) -> None:
        """Tells that all work begins again; the fraction does not fall."""
        self._lost, self._done, self._cost = self._told, 0.0, 0.0
        self.begin(0.0, name)

    def skip(self, cost: float) -> None:
        """Takes note that what would have cost this much is not needed."""
        self._done += cost

    def end(self) -> None:
        """Tells that all is done."""
        self._done, self._cost = self._total, 0.0
        self.begin(0.0, "Done")
