"""The whole of an image analogy: checked pictures -> fields -> two pictures (Liao et al. 2017)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.analogy_params import AnalogyParams
from ..contract.errors import InputError
from ..contract.texts import Text
from ..features import weights
from ..features.installed import installed
from ..features.raw import LevelNetwork
from ..matching import patchmatch
from ..pixels.check import check_image
from ..pixels.working import prepare
from ..runtime import backend
from ..runtime.attempts import on_first_that_computes
from ..runtime.backend import Backend
from ..runtime.progress import Caller, Progress, Stages, part
from .detail import LEVEL, same_kind, structure_share
from .levels import LEVEL_COSTS, Side, find_fields
from .picture import draw
from .result import AnalogyResult

_READING_COST, _DRAWING_COST = 6.0, 4.0
_TRIALS = (patchmatch.try_triton,)


def analogy(
    source: NDArray[np.float32],
    style: NDArray[np.float32],
    params: AnalogyParams = AnalogyParams(),
    *,
    device: str = "auto",
    weights_path: str | None = None,
    names: Sequence[str] = ("source", "style"),
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AnalogyResult:
    """Draws the source in the texture and colors of the style, and the style in those of the source, matched by meaning.

    Args:
        source: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA. Fully transparent
            pixels take no part.
        style: an image of the same kind, of any size; it may be the source itself.
        params: see :class:`AnalogyParams`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; as for :func:`nct_core.transfer`.
        weights_path: network weights to use instead of the installed ones.
        names: what the two images are called in errors.
        progress: called with a fraction in [0, 1] that never falls, and the stage in words.
        cancel: asked many times a second; True stops the work. Nothing of it goes on when it has returned.

    Returns:
        Both pictures, each of the size of what it was drawn from, and both fields. Equal input gives equal output on a machine.

    Raises:
        InputError: an image is not usable; the message says which.
        WeightsError: no usable network weights.
        DeviceError: no such device, not enough memory, or the device that was asked for failed.
        ConvergenceError: a solver failed.
        Cancelled: ``cancel`` returned True.
        Whatever ``progress`` or ``cancel`` raise, unchanged.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
        >>> analogy(noise, noise[::-1].copy(), AnalogyParams(working_size=64, deconvolution_steps=1)).image.shape
        (64, 64, 3)
    """
    started, caller = time.perf_counter(), Caller()
    if len(names) != 2:
        raise InputError(f"expected 2 names, of the source and of the style, got {len(names)}; name both or none")
    for name, image in zip(names, (source, style)):
        check_image(name, image)
    stages = Stages(_READING_COST + sum(LEVEL_COSTS.values()) + _DRAWING_COST, caller.watched(progress), caller.watched(cancel))

    def work(at: Backend) -> AnalogyResult:
        with backend.out_of_memory_as_error(f"an analogy at a working size of {params.working_size} px"):
            return _analogy(source, style, params, weights_path, at, stages, started)

    return on_first_that_computes(device, _TRIALS, stages, caller, work)


def _analogy(
    source: NDArray[np.float32], style: NDArray[np.float32], params: AnalogyParams, weights_path: str | None, at: Backend, stages: Stages, started: float
) -> AnalogyResult:
    stages.begin(_READING_COST, Text("loading_network"))
    file = weights.find(weights_path)
    network = LevelNetwork(installed(file, at.device, exact=True))
    images = [prepare(image, params.working_size, at.device) for image in (source, style)]
    sides = [Side(image, network(image.rgb, part(stages.advance, first, first + 0.4))) for image, first in zip(images, (0.2, 0.6))]
    fields = find_fields(sides[0], sides[1], network, params, at, stages)
    share = structure_share(params.content, same_kind(*(side.features[LEVEL] for side in sides)))
    del sides, network
    stages.begin(_DRAWING_COST, Text("applying"))
    image = draw(images[0], source, images[1], style, fields.forward, share, part(stages.advance, 0.0, 0.5))
    back = draw(images[1], style, images[0], source, fields.backward, share, part(stages.advance, 0.5, 1.0))
    stages.end()
    forward, backward = (field.cpu().numpy() for field in (fields.forward, fields.backward))
    return AnalogyResult(image, back, forward, backward, file.backbone, at.name, time.perf_counter() - started)
