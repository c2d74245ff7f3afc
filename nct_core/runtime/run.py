"""What every step of a transfer needs besides its data: the parameters, the backend, and the report of progress (ours)."""

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
        stages: reports progress to the caller, who may cancel at each report.
    """

    params: TransferParams
    backend: Backend
    stages: Stages

    def part(self, first: float, last: float) -> Advance:
        """Reports the progress of work that is the share from ``first`` to ``last`` of the current stage."""
        return part(self.stages.advance, first, last)
