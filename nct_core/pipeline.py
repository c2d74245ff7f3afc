"""The coarse-to-fine loop (paper section 3): features, fields, guidance, transform, level by level from relu5_1 to relu1_1."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .contract.params import TransferParams
from .contract.texts import Text
from .features import weights
from .features.pyramid import COARSEST, FeaturePyramid
from .guidance import voting
from .guidance.evidence import describe
from .guidance.fuse import fuse
from .guidance.labels import evidence_costs, label_map
from .guidance.reference import Reference, compare, explains, match, oriented, read
from .guidance.source_level import SourceLevel
from .guidance.voting import Guidance
from .look.statistics import sample_pixels
from .matching import patchmatch
from .matching.consistency import Fields
from .pixels.check import check_inputs
from .pixels.lab import lab_to_srgb
from .pixels.working import WorkingImage, prepare, working_shape
from .result import LevelMaps, Match, TransferResult
from .runtime import backend, memory
from .runtime.attempts import on_first_that_computes
from .runtime.progress import Caller, Progress, Stages
from .runtime.run import Run
from .transform import texture
from .transform.apply import ColorTransform
from .transform.clusters import Clusters
from .transform.coefficients import recolor
from .transform.finish import Colors, Evidence, finish
from .transform.fit import PUBLISHED_DEVIATION_FLOOR, TermWeights, fit
from .transform.nonlocal_ties import nonlocal_graph
from .transform.upsample import EdgeAwareUpsampling

_FINEST_SMOOTHNESS_FACTOR = 4.0
_DEVIATION_FLOOR = 2.0  # about the grain of a photograph, 0..255 units
# What the stages cost, in hundredths of a transfer with one reference.
_NETWORK_COST, _REFERENCE_COST, _SOURCE_COST, _APPLYING_COST = 2.0, 5.0, 5.0, 3.0
_MATCHING_COSTS = {5: 2.0, 4: 3.0, 3: 5.0, 2: 12.0, 1: 30.0}
_RECOLORING_COSTS = {5: 5.0, 4: 5.0, 3: 6.0, 2: 7.0, 1: 10.0}
_TRIALS = (patchmatch.try_triton, voting.try_triton)

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
        device: "auto", "cpu", "cuda", "cuda:N" or "mps". "auto" is a GPU where there is one; whatever error it gives, too little memory
            included, the transfer begins again on the CPU, which the result's ``device`` and a stage of ``progress`` say.
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
        DeviceError: no such device, not enough memory, or the device that was asked for failed.
        ConvergenceError: a solver failed.
        Cancelled: ``cancel`` returned True.
        Whatever ``progress``, ``cancel`` or ``observer`` raise, unchanged.
    """
    started, caller = time.perf_counter(), Caller()
    onto = source if onto is None else onto
    check_inputs(source, onto, references, names)
    stages = Stages(_total_cost(len(references)), caller.watched(progress), caller.watched(cancel))
    request = _Request(source, onto, tuple(references), weights_path, caller.watched(observer), started)
    return on_first_that_computes(device, _TRIALS, stages, caller, lambda at: _transfer(request, Run(params, at, stages)))


@dataclass(frozen=True)
class _Request:
    """What is asked for, checked."""

    source: NDArray[np.float32]
    onto: NDArray[np.float32]
    references: tuple[NDArray[np.float32], ...]
    weights_path: str | None
    observer: Observer | None
    started: float


@dataclass(frozen=True)
class _Inputs:
    """What all levels share, on the device; ``references`` in the order of their content, so that the order in which they came changes nothing."""

    source: WorkingImage
    references: tuple[Reference, ...]
    features: dict[int, torch.Tensor]  # of the source, of the two coarsest levels
    half: torch.Tensor | None  # relu5_1 of the source at half its size; None as published
    clusters: Clusters
    evidence_costs: torch.Tensor | None  # of the references; None where there is one


@dataclass(frozen=True)
class _Level:
    """What a level has found: fields by index of the reference, labels as such indices, and the transform on the working grid."""

    fields: dict[int, Fields]
    labels: torch.Tensor
    guidance: Guidance
    confidence: torch.Tensor
    coefficients: torch.Tensor


def _transfer(request: _Request, run: Run) -> TransferResult:
    stages, size = run.stages, run.params.working_size
    shapes = [working_shape((image.shape[0], image.shape[1]), size) for image in (request.source, *request.references)]
    memory.check_room(shapes[0], shapes[1:], run.backend)
    stages.begin(_NETWORK_COST, Text("loading_network"))
    file = weights.find(request.weights_path)
    tensors = weights.load(file)
    stages.advance(0.3)
    with backend.out_of_memory_as_error(f"a transfer at a working size of {size} px"):
        network = FeaturePyramid(tensors, file.backbone, run.backend.device, exact=run.params.as_published)
        stages.advance(0.6)
        inputs = _read(request, network, run)
        coarsest, finest = _levels(inputs, network, run, request.observer)
    with backend.out_of_memory_as_error(f"an image of {request.onto.shape[1]}x{request.onto.shape[0]} px"):
        stages.begin(_APPLYING_COST, Text("applying"))
        transform = ColorTransform(finest.coefficients, inputs.source.lab[..., 0].contiguous())
        image = transform.apply(request.onto, run.params.strength, run.params.keep_lightness, advance=stages.advance)
    stages.end()
    labels = _numbers(finest.labels, inputs.references)
    counts = np.bincount(labels[inputs.source.valid.cpu().numpy()], minlength=len(inputs.references))
    return TransferResult(
        image=image, transform=transform, shares=(counts / counts.sum()).tolist(), backbone=file.backbone, device=run.backend.name,
        seconds=time.perf_counter() - request.started, working_labels=labels, finest_confidence=finest.confidence.cpu().numpy(),
        matches=_matches(inputs.references, coarsest.fields, request.references),
    )  # fmt: skip


def _read(request: _Request, network: FeaturePyramid, run: Run) -> _Inputs:
    """Brings all images to working size and computes what is known before the first level."""
    params, stages, device = run.params, run.stages, run.backend.device
    source = prepare(request.source, params.working_size, device)
    stages.advance(0.8)
    references = []
    for number, image in enumerate(request.references):
        prepared = prepare(image, params.working_size, device)
        stages.begin(_REFERENCE_COST, Text("reading_one_reference", number + 1) if len(request.references) > 1 else Text("reading_reference"))
        references.append(read(number, prepared, network, stages.advance))
    references.sort(key=lambda reference: reference.digest)
    stages.begin(_SOURCE_COST, Text("reading_source"))
    features = network(source.rgb, [COARSEST - 1, COARSEST], run.part(0.0, 0.6))
    clusters = Clusters(features[COARSEST], params.clusters, params.seed, run.part(0.6, 1.0))
    half, costs = None, None
    if not params.as_published:
        half = network.half_size(source.rgb, run.part(1.0, 1.0))
        references = [oriented(reference, half, network, run.part(1.0, 1.0)) for reference in references]
    if len(references) > 1:
        described = describe(features[COARSEST], features[COARSEST - 1])
        costs = evidence_costs([explains(reference, described) for reference in references], source.valid_on((described.shape[0], described.shape[1])))
    return _Inputs(source, tuple(references), features, half, clusters, costs)


def _levels(inputs: _Inputs, network: FeaturePyramid, run: Run, observer: Observer | None) -> tuple[_Level, _Level]:
    """Goes through all levels, coarse to fine; returns the coarsest and the finest."""
    source, references, features = inputs.source, inputs.references, inputs.features
    upsample, coarsest, above, evidence = EdgeAwareUpsampling(source.lab), None, None, None
    for level in range(COARSEST, 0, -1):
        view = SourceLevel.of(level, source, features[level], inputs.half)
        fields, says = _match(view, references, above, network, run)
        alike = {} if evidence or run.params.as_published else {index: compare(references[index], view, found) for index, found in fields.items()}
        for reference in references:
            reference.release(level)
        run.stages.begin(_RECOLORING_COSTS[level], Text("recoloring", COARSEST + 1 - level, COARSEST))
        labels = label_map(view, says, None if above is None else above.labels, inputs.evidence_costs, run.part(0.0, 0.1))
        guidance = fuse(says, labels)
        confidence = guidance.confidence()
        coefficients = _fit(view, guidance, confidence, inputs.clusters, upsample, run)
        evidence = Evidence(fuse(alike, labels), guidance.agreement) if alike else evidence
        if level == 1 and evidence is not None:
            coefficients, confidence = _finish(source, references, labels, coefficients, evidence, run)
        above = _Level(fields, labels, guidance, confidence, coefficients)
        coarsest = coarsest or above
        if observer is not None:
            observer(_maps(level, source, references, above))
        if level > 1:  # the next level's features are those of the recolored source
            recolored = lab_to_srgb(recolor(coefficients, source.lab).clamp(0, 1)).clamp(0, 1)
            features = network(recolored, [level - 1], run.part(0.9, 1.0))
    assert coarsest is not None and above is not None
    return coarsest, above


def _match(
    view: SourceLevel, references: tuple[Reference, ...], above: _Level | None, network: FeaturePyramid, run: Run
) -> tuple[dict[int, Fields], dict[int, Guidance]]:
    """Matches the source to the references that have a position at the level above; what each of them says, by index."""
    fields, says, position = {}, {}, COARSEST + 1 - view.level
    for index in range(len(references)) if above is None else above.labels.unique().tolist():
        reference = references[index]
        stage = Text("matching_one_reference", reference.number + 1, position, COARSEST) if len(references) > 1 else Text("matching", position, COARSEST)
        run.stages.begin(_MATCHING_COSTS[view.level], stage)
        fields[index], says[index] = match(reference, view, None if above is None else above.fields[index], network, run, run.stages.advance)
    run.stages.skip((len(references) - len(fields)) * _MATCHING_COSTS[view.level])
    return fields, says


def _fit(view: SourceLevel, guidance: Guidance, confidence: torch.Tensor, clusters: Clusters, upsample: EdgeAwareUpsampling, run: Run) -> torch.Tensor:
    """The transform that follows the guidance, fitted on the level's grid and carried to the working grid: float32 [H, W, 6]."""
    params = run.params
    graph = nonlocal_graph(view.colors, view.valid, clusters, neighbors=params.nonlocal_neighbors, weight=params.nonlocal_weight, advance=run.part(0.1, 0.4))
    floor = PUBLISHED_DEVIATION_FLOOR if params.as_published else _DEVIATION_FLOOR
    terms = TermWeights(data=view.pixels_per_position, local=params.local_weight, contrast=params.contrast_weight, deviation_floor=floor)
    agreement = None if params.as_published else guidance.agreement
    low = fit(view.colors, guidance.colors, confidence, graph, terms, agreement=agreement, advance=run.part(0.4, 0.7)).x
    smoothness = params.edge_smoothness * view.pixels_per_position * (_FINEST_SMOOTHNESS_FACTOR if view.level == 1 else 1.0)
    return upsample(low, weight=smoothness, agreement=agreement, advance=run.part(0.7, 0.9)).x


def _finish(
    source: WorkingImage, references: tuple[Reference, ...], labels: torch.Tensor, coefficients: torch.Tensor, evidence: Evidence, run: Run
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is done to the transform once, after the finest level, other than as published: coefficients and confidence on the working grid."""
    coefficients = texture.keep(coefficients, source.lab[..., 0])
    colors = _colors(source, references, labels)
    finished = finish(source.rgb, source.lab, coefficients, evidence, colors, run.params.content, run.part(0.9, 1.0))
    return finished.coefficients, finished.confidence


def _colors(source: WorkingImage, references: tuple[Reference, ...], labels: torch.Tensor) -> Colors:
    """Pixels of the source, and of the references by the share of the source that each of them colors."""

    def pixels(image: WorkingImage) -> NDArray[np.float64]:
        return sample_pixels(image.rgb.cpu().numpy(), image.valid.cpu().numpy())

    shares = np.bincount(labels.cpu().numpy().ravel(), minlength=len(references)) / labels.numel()
    chosen = [(pixels(reference.image), share) for reference, share in zip(references, shares) if share > 0]
    most = max(share for _, share in chosen)
    picked = [colors[np.linspace(0, len(colors) - 1, max(1, round(len(colors) * share / most))).astype(int)] for colors, share in chosen]
    return Colors(pixels(source), np.concatenate(picked))


def _maps(level: int, source: WorkingImage, references: tuple[Reference, ...], found: _Level) -> LevelMaps:
    used = {references[index].number: index for index in found.labels.unique().tolist()}
    return LevelMaps(
        level=level, source=source, references={number: references[index].image for number, index in used.items()},
        fields={number: found.fields[index].forward.cpu().numpy() for number, index in used.items()},
        grids={number: found.fields[index].grid for number, index in used.items()}, labels=_numbers(found.labels, references),
        guidance=found.guidance.colors, confidence=found.confidence, coefficients=found.coefficients,
    )  # fmt: skip


def _numbers(labels: torch.Tensor, references: tuple[Reference, ...]) -> NDArray[np.uint8]:
    """A label map by the references' own numbers instead of their indices."""
    return np.array([reference.number for reference in references], np.uint8)[labels.cpu().numpy()]


def _matches(references: tuple[Reference, ...], fields: dict[int, Fields], images: tuple[NDArray[np.float32], ...]) -> list[Match]:
    """The coarsest fields, in the order in which the references were given."""
    found = {
        reference.number: Match(fields[index].forward.cpu().numpy(), fields[index].grid, reference.mirrored, images[reference.number].shape[:2])
        for index, reference in enumerate(references)
    }
    return [found[number] for number in range(len(images))]


def _total_cost(references: int) -> float:
    shared = _NETWORK_COST + _SOURCE_COST + _APPLYING_COST + sum(_RECOLORING_COSTS.values())
    return shared + references * (_REFERENCE_COST + sum(_MATCHING_COSTS.values()))
