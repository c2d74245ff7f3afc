"""Transfers from the same references to many sources, one after the other (ours)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .contract.params import TransferParams
from .pipeline import Observer, transfer
from .pixels.check import check_references
from .result import TransferResult
from .runtime.progress import Progress


class Session:
    """Recolors one source after the other with the same references: these are read once, and the network is loaded once.

    Every result is bit for bit that of :func:`nct_core.transfer`, whatever sources came before. A session serves one thread.

    Args:
        references: as for :func:`nct_core.transfer`.
        params: the same.
        device: the same.
        weights_path: the same.
        names: what each of the references is called in errors; None: "reference", or "reference 1" and so on.

    Raises:
        InputError: a reference is not usable, the message saying which.

    Example:
        >>> pictures = [np.random.default_rng(seed).random((80, 96, 3), np.float32) for seed in range(3)]
        >>> session = Session(pictures[:1], TransferParams(working_size=64, patchmatch_iterations=1), device="cpu")
        >>> [session.transfer(picture).image.shape for picture in pictures[1:]]
        [(80, 96, 3), (80, 96, 3)]
    """

    def __init__(
        self,
        references: Sequence[NDArray[np.float32]],
        params: TransferParams = TransferParams(),
        *,
        device: str = "auto",
        weights_path: str | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._names = check_references(references, names)
        self._references, self._params, self._device, self._weights_path = tuple(references), params, device, weights_path

    def transfer(
        self,
        source: NDArray[np.float32],
        *,
        onto: NDArray[np.float32] | None = None,
        name: str = "source",
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
        observer: Observer | None = None,
    ) -> TransferResult:
        """Gives a source the colors of the references.

        Args:
            source: as for :func:`nct_core.transfer`, as all other arguments.
            onto: the same.
            name: what the source is called in errors.
            progress: the same.
            cancel: the same.
            observer: the same.

        Raises:
            NctError: as for :func:`nct_core.transfer`. The session can be used again after it.
        """
        return transfer(
            source, self._references, self._params, onto=onto, device=self._device, weights_path=self._weights_path,
            names=[name, *self._names], progress=progress, cancel=cancel, observer=observer,
        )  # fmt: skip
