"""What is computed before there is a source: the network, and the features of the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.texts import Text
from ..features import weights
from ..features.installed import installed
from ..features.pyramid import FeaturePyramid
from ..pixels.working import prepare
from ..runtime.run import Run
from .reference import Read, read

# In hundredths of a transfer with one reference.
NETWORK_COST, REFERENCE_COST = 2.0, 5.0


@dataclass(frozen=True)
class Ready:
    """What serves for any number of sources, on one device.

    Attributes:
        file: the network's weights.
        network: computes features.
        references: in the order of their content, so that the order in which they came changes nothing.
    """

    file: weights.WeightsFile
    network: FeaturePyramid
    references: tuple[Read, ...]


def make_ready(images: Sequence[NDArray[np.float32]], weights_path: str | None, run: Run) -> Ready:
    """Loads the network and reads the references.

    Args:
        images: the references, checked.
        weights_path: network weights to use instead of the installed ones.
        run: parameters and device.

    Raises:
        WeightsError: no usable network weights.
        DeviceError: the device ran out of memory.
    """
    run.stages.begin(NETWORK_COST, Text("loading_network"))
    file = weights.find(weights_path)
    network = installed(file, run.backend.device, exact=run.params.as_published)
    run.stages.advance(0.6)
    references = []
    for number, image in enumerate(images):
        prepared = prepare(image, run.params.working_size, run.backend.device)
        run.stages.begin(REFERENCE_COST, Text("reading_one_reference", number + 1) if len(images) > 1 else Text("reading_reference"))
        references.append(read(number, prepared, network, run.stages.advance))
    return Ready(file, network, tuple(sorted(references, key=lambda reference: reference.digest)))


def skip_ready(images: int, run: Run) -> None:
    """Reports that the work of :func:`make_ready` for so many references was done before."""
    run.stages.skip(NETWORK_COST + images * REFERENCE_COST)
