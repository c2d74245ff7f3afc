"""What every step of a transfer needs besides its data: parameters, the backend, and whom to tell of progress (ours)."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.params import TransferParams
from .backend import Backend
from .progress import Advance, Stages, part


@dataclass(frozen=True)
class Run:
    """One attempt of a transfer on one device.

    Attributes:
        params: the parameters of the method.
        backend: the device that computes.
        stages: progress, told to the caller, who may cancel whenever it is.
    """

    params: TransferParams
    backend: Backend
    stages: Stages

    def part(self, first: float, last: float) -> Advance:
        """For work that is the part from ``first`` to ``last`` of the current stage."""
        return part(self.stages.advance, first, last)
