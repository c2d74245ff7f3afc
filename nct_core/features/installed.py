"""The network of a process: verified, read and prepared once, and kept until another one is wanted (ours)."""

from __future__ import annotations

import contextlib

import torch

from . import weights
from .pyramid import FeaturePyramid

_current: dict[tuple[object, ...], FeaturePyramid] = {}  # one at most


def installed(file: weights.WeightsFile, device: torch.device, *, exact: bool) -> FeaturePyramid:
    """The network with the weights of a file. A file that has been written since is verified and read again.

    Args:
        file: from :func:`nct_core.features.weights.find`.
        device, exact: as :class:`FeaturePyramid`.

    Raises:
        WeightsError: as :func:`nct_core.features.weights.load`.
    """
    key: tuple[object, ...] = (file, device, exact)
    with contextlib.suppress(OSError):  # load() says what is wrong
        state = file.path.stat()
        key += (state.st_size, state.st_mtime_ns)
    network = _current.get(key)
    if network is None:
        network = FeaturePyramid(weights.load(file), file.backbone, device, exact=exact)
        _current.clear()
        _current[key] = network
    return network


def forget_pictures() -> None:
    """Drops the features of all pictures seen so far, so that the next transfer is as long as one of new pictures (for measurements)."""
    for network in _current.values():
        network.forget_pictures()
