"""The network of a process: verified, read and prepared once, and kept until another one is wanted (ours)."""

from __future__ import annotations

import functools

import torch

from . import weights
from .pyramid import FeaturePyramid


def installed(file: weights.WeightsFile, device: torch.device, *, exact: bool) -> FeaturePyramid:
    """The network with the weights of a file; a file that has been written since is read again.

    Args:
        file: from :func:`nct_core.features.weights.find`.
        device, exact: as :class:`FeaturePyramid`.

    Raises:
        WeightsError: as :func:`nct_core.features.weights.load`.
    """
    try:
        state = file.path.stat()
    except OSError:
        return _read(file, device, exact, 0, 0)  # load() says what is wrong
    return _read(file, device, exact, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read(file: weights.WeightsFile, device: torch.device, exact: bool, _size: int, _written: int) -> FeaturePyramid:
    return FeaturePyramid(weights.load(file), file.backbone, device, exact=exact)
