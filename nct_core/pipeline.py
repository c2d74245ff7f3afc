"""The coarse-to-fine loop (paper section 3): features, fields, guidance, transform, level by level from relu5_1 to relu1_1."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .contract.errors import InputError
from .contract.params import TransferParams
from .features import weights
from .features.pyramid import COARSEST, FeaturePyramid
from .guidance import evidence
from .guidance.fuse import fuse
from .guidance.labels import Labels
from .guidance.reference import Reference
from .guidance.source_level import SourceLevel, compare_by
from .guidance.voting import Guidance
from .pixels.check import check_image
from .pixels.grids import Shape
from .pixels.lab import lab_to_srgb
from .pixels.working import WorkingImage, prepare, working_shape
from .result import LevelMaps, Match, TransferResult
from .runtime import backend, memory
from .runtime.progress import Progress, Stages, part
from .transform import texture
from .transform.apply import ColorTransform
from .transform.clusters import Clusters
from .transform.coefficients import recolor
from .transform.fit import PUBLISHED_DEVIATION_FLOOR, TermWeights, fit
from .transform.nonlocal_ties import nonlocal_graph
from .transform.upsample import EdgeAwareUpsampling

_log = logging.getLogger(__name__)

_MAX_REFERENCES = 255  # labels are uint8
_FINEST_SMOOTHNESS_FACTOR = 4.0
_DEVIATION_FLOOR = 2.0  # about the grain of a photograph, 0..255 units
# What the stages cost, in hundredths of a transfer with one reference.
_NETWORK_COST, _REFERENCE_COST, _SOURCE_COST, _APPLYING_COST = 2.0, 5.0, 5.0, 3.0
_MATCHING_COSTS = {5: 2.0, 4: 3.0, 3: 5.0, 2: 12.0, 1: 30.0}
_RECOLORING_COSTS = {5: 5.0, 4: 5.0, 3: 6.0, 2: 7.0, 1: 10.0}

Observer = Callable[[LevelMaps], None]


def transfer(
    source: NDArray[np.float32],
    references: Sequence[NDArray[np.float32]],
    params: TransferParams = TransferParams(),
    *,
    onto: NDArray[np.float32] | None = None,
    device: str = "auto",
    weights_path: str | None = None,
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    observer: Observer | None = None,
) -> TransferResult:
    """Gives the source the references' colors, matched by meaning.

    Args:
        source: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA. Fully transparent
            pixels take no part.
        references: images of the same kind, of any size. Their order does not matter.
        params: see :class:`TransferParams`.
        onto: the source's picture at another size, which is recolored in its stead; None: the source.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps". Where a GPU has too little memory the transfer begins again on the CPU, which
            the result's ``device`` and a stage of ``progress`` say.
        weights_path: network weights to use instead of the installed ones.
        names: what the source and each of the references are called in errors; None: "source" and "reference", or "reference 1" and so on.
        progress: called with a fraction in [0, 1] that never falls, and the stage in words.
        cancel: asked many times a second; True stops the transfer. Nothing of it goes on when it has returned.
        observer: called with the intermediate maps at the end of every level.

    Returns:
        A :class:`TransferResult` of the size of what is recolored.

    Raises:
        InputError: an image is not usable, the message saying which, or there are more references than memory has room for.
        WeightsError: no usable network weights.
        DeviceError: no such device, or not enough memory.
        ConvergenceError: a solver failed.
        Cancelled: ``cancel`` returned True.
    """
    started = time.perf_counter()
    if len(references) == 0:
        raise InputError("expected a reference image, got none; choose at least one")
    if len(references) > _MAX_REFERENCES:
        raise InputError(f"expected at most {_MAX_REFERENCES} references, got {len(references)}; choose those that matter")
    stage_names = ["reference"] if len(references) == 1 else [f"reference {number}" for number in range(1, len(references) + 1)]
    names = names or ["source", *stage_names]
    check_image(names[0], source)
    onto = source if onto is None else onto
    check_image(names[0], onto)
    for name, reference in zip(names[1:], references):
        check_image(name, reference)
        if reference.shape == source.shape and np.array_equal(reference, source):
            raise InputError(f"{name}: expected a picture that differs from the source, got the same pixels; choose another picture")
    at = backend.resolve(device)
    stages = Stages(_total_cost(len(references)), progress, cancel)
    run = functools.partial(_transfer_at, source, onto, dict(zip(stage_names, references)), params, weights_path, stages, observer, started)
    if at.type != "cpu":
        try:
            return run(at)
        except (backend.OutOfMemory, InputError) as problem:  # the images are checked: these references do not fit there together
            _log.warning("the transfer begins again on the CPU: %s", problem)
        # What the failed try held on the device is given up with its exception.
        stages.restart(f"Too little memory on {backend.describe(at)}: beginning again on the CPU")
    return run(torch.device("cpu"))


def _transfer_at(
    source: NDArray[np.float32],
    onto: NDArray[np.float32],
    references: dict[str, NDArray[np.float32]],
    params: TransferParams,
    weights_path: str | None,
    stages: Stages,
    observer: Observer | None,
    started: float,
    at: torch.device,
) -> TransferResult:
    """The whole of a transfer of checked images on one device; ``references`` by what they are called in the names of stages."""
    shapes = [working_shape((image.shape[0], image.shape[1]), params.working_size) for image in (source, *references.values())]
    memory.check_room(shapes[0], shapes[1:], at)
    stages.begin(_NETWORK_COST, "Loading the network")
    file = weights.find(weights_path)
    network = weights.load(file)
    stages.advance(0.3)
    with backend.out_of_memory_as_error(f"a transfer at a working size of {params.working_size} px"):
        pyramid = FeaturePyramid(network, file.backbone, at, exact=params.as_published)
        stages.advance(0.6)
        work = _Transfer(prepare(source, params.working_size, at), params, pyramid, stages, observer)
        stages.advance(0.8)
        for number, (name, reference) in enumerate(references.items()):
            work.read(number, name, prepare(reference, params.working_size, at))
        work.run()
    with backend.out_of_memory_as_error(f"an image of {onto.shape[1]}x{onto.shape[0]} px"):
        stages.begin(_APPLYING_COST, "Applying the colors")
        transform = ColorTransform(work.coefficients, work.source.lab[..., 0].contiguous())
        image = transform.apply(onto, params.strength, params.keep_lightness, advance=stages.advance)
    stages.end()
    labels = work.number_map()
    counts = np.bincount(labels[work.source.valid], minlength=len(references))
    return TransferResult(
        image=image, transform=transform, shares=(counts / counts.sum()).tolist(), backbone=file.backbone, device=backend.describe(at),
        seconds=time.perf_counter() - started, working_labels=labels, finest_confidence=work.confidence.cpu().numpy(),
        matches=[Match(*work.coarsest[number], (reference.shape[0], reference.shape[1])) for number, reference in enumerate(references.values())],
    )  # fmt: skip


def _total_cost(references: int) -> float:
    shared = _NETWORK_COST + _SOURCE_COST + _APPLYING_COST + sum(_RECOLORING_COSTS.values())
    return shared + references * (_REFERENCE_COST + sum(_MATCHING_COSTS.values()))


class _Transfer:
    """The state that goes from level to level."""

    chooser: Labels
    labels: NDArray[np.uint8]
    """uint8 [h, w], which of ``references`` each position takes its colors from; at last on the source's working grid."""
    coarsest: dict[int, tuple[NDArray[np.int32], Shape, bool]]
    """By number of the reference the coarsest field, the grid that it points into, and whether that is of the mirror image."""
    confidence: torch.Tensor
    coefficients: torch.Tensor
    """The transform on the source's working grid, float32 [H, W, 6]."""

    def __init__(self, source: WorkingImage, params: TransferParams, pyramid: FeaturePyramid, stages: Stages, observer: Observer | None) -> None:
        self.source, self.params, self.pyramid, self.stages, self.observer = source, params, pyramid, stages, observer
        self.upsample = EdgeAwareUpsampling(source.lab)
        self.references: list[Reference] = []

    def read(self, number: int, name: str, image: WorkingImage) -> None:
        """Takes one more reference."""
        self.stages.begin(_REFERENCE_COST, f"Reading the {name}")
        self.references.append(Reference(number, name, image, self.pyramid, self.stages.advance))
        # Sorted by their content: the order in which they were given changes nothing but their numbers.
        self.references.sort(key=lambda reference: reference.digest)

    def run(self) -> None:
        """Every level, coarse to fine."""
        advance = self.stages.advance
        self.stages.begin(_SOURCE_COST, "Reading the source")
        features = self.pyramid(self.source.rgb, [COARSEST - 1, COARSEST], part(advance, 0.0, 0.6))
        clusters = Clusters(features[COARSEST], self.params.clusters, self.params.seed, part(advance, 0.6, 1.0))
        half = None
        if not self.params.as_published:
            half = self.pyramid.half_size(self.source.rgb, part(advance, 1.0, 1.0))
            for reference in self.references:
                reference.orient(half, part(advance, 1.0, 1.0))
        self.chooser = self._chooser(features)
        for level in range(COARSEST, 0, -1):
            view = self._view(level, features[level], half)
            guidance = self._match(view, f"level {COARSEST + 1 - level} of {COARSEST}")
            self._fit(view, guidance, clusters)
            self._observe(level, guidance)
            if level > 1:  # the next level's features are those of the recolored source
                recolored = lab_to_srgb(recolor(self.coefficients, self.source.lab).clamp(0, 1)).clamp(0, 1)
                features = self.pyramid(recolored, [level - 1], part(advance, 0.9, 1.0))

    def number_map(self) -> NDArray[np.uint8]:
        """``labels`` by the references' own numbers."""
        return np.array([reference.number for reference in self.references], np.uint8)[self.labels]

    def _chooser(self, features: dict[int, torch.Tensor]) -> Labels:
        described = evidence.describe(features[COARSEST], features[COARSEST - 1])
        valid = self.source.valid_on((described.shape[0], described.shape[1]))
        return Labels([reference.evidence(described) for reference in self.references] if len(self.references) > 1 else [], valid)

    def _view(self, level: int, features: torch.Tensor, half: torch.Tensor | None) -> SourceLevel:
        grid = (features.shape[0], features.shape[1])
        return SourceLevel(level, features, compare_by(level, features, half), self.source.lab_on(grid), self.source.valid_on(grid), self.source.shape)

    def _match(self, view: SourceLevel, name: str) -> Guidance:
        """What the references together say; those without a position at the level above take no part."""
        candidates = {}
        for index in self.chooser.used(len(self.references)):
            reference = self.references[index]
            self.stages.begin(_MATCHING_COSTS[view.level], f"Matching{reference.name.removeprefix('reference')}, {name}")
            candidates[index] = reference.match(view, self.params, self.stages.advance)
        if view.level == COARSEST:
            self.coarsest = {reference.number: (reference.forward.cpu().numpy(), reference.grid, reference.mirrored) for reference in self.references}
        self.stages.skip((len(self.references) - len(candidates)) * _MATCHING_COSTS[view.level])
        self.stages.begin(_RECOLORING_COSTS[view.level], f"Recoloring, {name}")
        self.labels = self.chooser.refine(view, candidates, part(self.stages.advance, 0.0, 0.1))
        return fuse(candidates, self.labels)

    def _fit(self, view: SourceLevel, guidance: Guidance, clusters: Clusters) -> None:
        """The transform at the level's grid, and carried to the working grid."""
        self.confidence = guidance.confidence()
        params, advance = self.params, self.stages.advance
        graph = nonlocal_graph(
            view.colors, view.valid, clusters, neighbors=params.nonlocal_neighbors, weight=params.nonlocal_weight, advance=part(advance, 0.1, 0.4)
        )
        floor = PUBLISHED_DEVIATION_FLOOR if params.as_published else _DEVIATION_FLOOR
        terms = TermWeights(data=view.pixels_per_position, local=params.local_weight, contrast=params.contrast_weight, deviation_floor=floor)
        agreeing = None if params.as_published else guidance.agreement
        low = fit(view.colors, guidance.colors, self.confidence, graph, terms, agreement=agreeing, advance=part(advance, 0.4, 0.7)).x
        smoothness = params.edge_smoothness * view.pixels_per_position * (_FINEST_SMOOTHNESS_FACTOR if view.level == 1 else 1.0)
        self.coefficients = self.upsample(low, weight=smoothness, agreement=agreeing, advance=part(advance, 0.7, 0.9)).x
        if view.level == 1 and not params.as_published:
            self.coefficients = texture.keep(self.coefficients, self.source.lab[..., 0])

    def _observe(self, level: int, guidance: Guidance) -> None:
        if self.observer is not None:
            references = [self.references[index] for index in np.unique(self.labels)]
            self.observer(
                LevelMaps(
                    level=level, source=self.source, references={reference.number: reference.image for reference in references},
                    fields={reference.number: reference.forward.cpu().numpy() for reference in references}, labels=self.number_map(),
                    grids={reference.number: reference.grid for reference in references},
                    guidance=guidance.colors, confidence=self.confidence, coefficients=self.coefficients,
                )
            )  # fmt: skip
