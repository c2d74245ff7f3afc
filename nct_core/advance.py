"""How far a piece of work is: told to whoever waits for it, who may stop it there."""

from __future__ import annotations

from collections.abc import Callable

Advance = Callable[[float], None]
"""Called often with the share of a piece of work that is done, [0, 1]. What it raises ends the work."""


def unwatched(_done: float) -> None:
    """For work that nobody waits for."""


def part(advance: Advance, first: float, last: float) -> Advance:
    """For work that is the part from ``first`` to ``last`` of a larger piece."""
    return lambda done: advance(first + done * (last - first))
