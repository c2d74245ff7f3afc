"""The coarse-to-fine loop (paper section 3): features, fields, guidance, transform, level by level from relu5_1 to relu1_1."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from . import devices, fusion, local_affine, nnf, weights
from .color import lab_to_srgb
from .errors import Cancelled, InputError
from .features import COARSEST, FeaturePyramid
from .local_affine import EdgeAwareUpsampling, TermWeights, recolor
from .matching import Reference, SourceLevel
from .nonlocal_graph import Clusters, nonlocal_graph
from .params import TransferParams
from .result import LevelMaps, Match, TransferResult
from .transform import ColorTransform
from .voting import Guidance
from .working import WorkingImage, check_image, prepare

_FINEST_SMOOTHNESS_FACTOR = 4.0
# What the stages cost, in hundredths of a transfer with one reference.
_NETWORK_COST, _REFERENCE_COST, _APPLYING_COST = 2.0, 8.0, 5.0
_MATCHING_COSTS = {5: 2.0, 4: 3.0, 3: 5.0, 2: 12.0, 1: 30.0}
_RECOLORING_COSTS = {5: 5.0, 4: 5.0, 3: 6.0, 2: 7.0, 1: 10.0}

Progress = Callable[[float, str], None]
Observer = Callable[[LevelMaps], None]


def transfer(
    source: NDArray[np.float32],
    references: Sequence[NDArray[np.float32]],
    params: TransferParams = TransferParams(),
    *,
    device: str = "auto",
    weights_path: str | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    observer: Observer | None = None,
) -> TransferResult:
    """Gives the source the references' colours, matched by meaning.

    Args:
        source: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA. Fully transparent
            pixels take no part.
        references: images of the same kind, of any size. Their order does not matter.
        params: see :class:`TransferParams`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        weights_path: network weights to use instead of the installed ones.
        progress: called with a fraction in [0, 1] that never falls, and the stage in words.
        cancel: asked between stages; True stops the transfer.
        observer: called with the intermediate maps at the end of every level.

    Returns:
        A :class:`TransferResult` of the source's own size.

    Raises:
        InputError: an image is not usable; the message says which, what was expected and what came.
        WeightsError: no usable network weights.
        DeviceError: no such device, or not enough memory.
        ConvergenceError: a solver failed.
        Cancelled: ``cancel`` returned True.
    """
    started = time.perf_counter()
    source = check_image("source", source)
    if len(references) == 0:
        raise InputError("expected a reference image, got none; choose at least one")
    if len(references) > 1:
        raise InputError(f"expected one reference image, got {len(references)}; this version takes one at a time")
    names = ["reference"] if len(references) == 1 else [f"reference {number}" for number in range(1, len(references) + 1)]
    for name, reference in zip(names, references):
        check_image(name, reference)
        if reference.shape == source.shape and np.array_equal(reference, source):
            raise InputError(f"{name}: expected a picture that differs from the source, got the same pixels; choose another picture")
    at = devices.resolve(device)
    stages = _Stages(len(references), progress, cancel)

    stages.begin(_NETWORK_COST, "Loading the network")
    file = weights.find(weights_path)
    pyramid = FeaturePyramid(weights.load(file), file.backbone, at)
    with devices.out_of_memory_as_error(f"a transfer at a working size of {params.working_size} px"):
        work = _Transfer(prepare(source, params.working_size, at), params, pyramid, stages, observer)
        work.read([(name, prepare(image, params.working_size, at)) for name, image in zip(names, references)])
        work.run()
    with devices.out_of_memory_as_error(f"an image of {source.shape[1]}x{source.shape[0]} px"):
        stages.begin(_APPLYING_COST, "Applying the colours")
        transform = ColorTransform(work.coefficients, work.source.lab[..., 0].contiguous())
        image = transform.apply(source, params.strength)
    stages.end()
    counts = np.bincount(work.labels[work.source.valid], minlength=len(references))
    return TransferResult(
        image=image, transform=transform, shares=(counts / counts.sum()).tolist(), backbone=file.backbone, device=devices.describe(at),
        seconds=time.perf_counter() - started, matches=[Match(field, grid, image.shape[:2]) for (field, grid), image in zip(work.coarsest, references)],
        working_labels=work.labels, finest_confidence=work.confidence.cpu().numpy(),
    )  # fmt: skip


class _Stages:
    """The share of the work that is done, told to the caller, who may cancel whenever it is."""

    def __init__(self, references: int, progress: Progress | None, cancel: Callable[[], bool] | None) -> None:
        shared = _NETWORK_COST + _APPLYING_COST + sum(_RECOLORING_COSTS.values())
        self._total = shared + references * (_REFERENCE_COST + sum(_MATCHING_COSTS.values()))
        self._begun, self._progress, self._cancel = 0.0, progress, cancel

    def begin(self, cost: float, name: str) -> None:
        """Tells that a stage of this cost begins."""
        self.check()
        if self._progress is not None:
            self._progress(self._begun / self._total, name)
        self._begun += cost

    def check(self) -> None:
        """Raises Cancelled if the caller wants to stop."""
        if self._cancel is not None and self._cancel():
            raise Cancelled("the transfer was cancelled")

    def end(self) -> None:
        """Tells that all is done."""
        self._begun = self._total
        self.begin(0.0, "Done")


class _Transfer:
    """The state that goes from level to level."""

    references: list[Reference]
    coarsest: list[tuple[nnf.Field, nnf.Shape]]
    """For each reference the coarsest field and the grid that it points into."""
    labels: NDArray[np.uint8]
    """Which reference each position takes its colours from; at last on the source's working grid."""
    confidence: torch.Tensor
    coefficients: torch.Tensor
    """The transform on the source's working grid, float32 [H, W, 6]."""

    def __init__(self, source: WorkingImage, params: TransferParams, pyramid: FeaturePyramid, stages: _Stages, observer: Observer | None) -> None:
        self.source, self.params, self.pyramid, self.stages, self.observer = source, params, pyramid, stages, observer
        self.upsample = EdgeAwareUpsampling(source.lab)

    def read(self, images: list[tuple[str, WorkingImage]]) -> None:
        """Takes the references, by name and image."""
        self.references = []
        for name, image in images:
            self.stages.begin(_REFERENCE_COST, f"Reading the {name}")
            self.references.append(Reference(name, image, self.pyramid))

    def run(self) -> None:
        """Every level, coarse to fine."""
        recolored = self.source.rgb
        for level in range(COARSEST, 0, -1):
            name = f"level {COARSEST + 1 - level} of {COARSEST}"
            view = self._view(level, recolored)
            if level == COARSEST:
                clusters = Clusters(view.features, self.params.clusters, self.params.seed)
            candidates = [self._match(reference, view, name) for reference in self.references]
            if level == COARSEST:
                self.coarsest = [(reference.forward, reference.grid) for reference in self.references]
            self.stages.begin(_RECOLORING_COSTS[level], f"Recolouring, {name}")
            self.labels = np.zeros(view.grid, np.uint8)
            guidance = fusion.choose(candidates, self.labels)
            self._fit(view, guidance, clusters)
            if level > 1:  # the next level's features are those of the recoloured source
                recolored = lab_to_srgb(recolor(self.coefficients, self.source.lab).clamp(0, 1)).clamp(0, 1)

    def _view(self, level: int, recolored: torch.Tensor) -> SourceLevel:
        features = self.pyramid(recolored, [level])[level]
        grid = (features.shape[0], features.shape[1])
        return SourceLevel(level, features, self.source.lab_on(grid), self.source.valid_on(grid), self.source.shape)

    def _match(self, reference: Reference, view: SourceLevel, name: str) -> Guidance:
        self.stages.begin(_MATCHING_COSTS[view.level], f"Matching{reference.name.removeprefix('reference')}, {name}")
        return reference.match(view, self.params, self.stages.check)

    def _fit(self, view: SourceLevel, guidance: Guidance, clusters: Clusters) -> None:
        """The transform at the level's grid, and carried to the working grid."""
        self.confidence = guidance.confidence()
        graph = nonlocal_graph(view.colors, view.valid, clusters, neighbours=self.params.nonlocal_neighbours, weight=self.params.nonlocal_weight)
        terms = TermWeights(data=view.pixels_per_position, local=self.params.local_weight, contrast=self.params.contrast_weight)
        low = local_affine.fit(view.colors, guidance.colors, self.confidence, graph, terms).x
        smoothness = self.params.edge_smoothness * view.pixels_per_position * (_FINEST_SMOOTHNESS_FACTOR if view.level == 1 else 1.0)
        self.coefficients = self.upsample(low, weight=smoothness).x
