"""The coarse-to-fine loop (paper section 3): features, fields, guidance, transform, level by level from relu5_1 to relu1_1."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .contract.params import TransferParams
from .contract.texts import Text
from .features import weights
from .features.installed import installed
from .features.pyramid import COARSEST, FeaturePyramid
from .guidance import voting
from .guidance.evidence import describe
from .guidance.fuse import fuse
from .guidance.labels import evidence_costs, label_map
from .guidance.reference import Reference, compare, explains, guided, match, oriented, read, seen, settled, steered
from .guidance.source_level import SourceLevel
from .guidance.voting import Guidance
from .guides.check import checked
from .guides.protection import protected, softened
from .guides.types import Guide
from .look.statistics import sample_pixels
from .matching import patchmatch
from .matching.consistency import Fields
from .pixels.check import check_inputs, color_channels
from .pixels.lab import lab_to_srgb
from .pixels.working import WorkingImage, prepare, working_shape
from .result import LevelMaps, Match, TransferResult
from .runtime import backend, memory
from .runtime.attempts import on_first_that_computes
from .runtime.progress import Caller, Progress, Stages
from .runtime.run import Run
from .solver import conjugate_gradients as solver
from .transform import texture
from .transform.apply import ColorTransform
from .transform.clusters import Clusters
from .transform.coefficients import keep_colors, recolor
from .transform.finish import Colors, Evidence, Finished, finish
from .transform.fit import PUBLISHED_DEVIATION_FLOOR, TermWeights, fit
from .transform.global_look import GlobalLook
from .transform.nonlocal_ties import nonlocal_graph
from .transform.region_means import Regions
from .transform.saved import Made
from .transform.upsample import EdgeAwareUpsampling

_FINEST_SMOOTHNESS_FACTOR = 4.0
_TOLERANCE = 0.005  # of both solvers; 0.02 at the finest level and 0.04 at the others made matching regions 3 % less alike
_DEVIATION_FLOOR = 2.0  # about the grain of a photograph, 0..255 units
# What the stages cost, in hundredths of a transfer with one reference.
_NETWORK_COST, _REFERENCE_COST, _SOURCE_COST, _APPLYING_COST = 2.0, 5.0, 5.0, 3.0
_MATCHING_COSTS = {5: 2.0, 4: 3.0, 3: 5.0, 2: 12.0, 1: 30.0}
_RECOLORING_COSTS = {5: 5.0, 4: 5.0, 3: 6.0, 2: 7.0, 1: 10.0}
_TRIALS = (patchmatch.try_triton, voting.try_triton, solver.try_triton)
_NOTES = {"": (), "gray": (Text("gray_reference"),), "flat": (Text("flat_reference"),)}  # by the limit of the look

Observer = Callable[[LevelMaps], None]


def transfer(
    source: NDArray[np.float32],
    references: Sequence[NDArray[np.float32]],
    params: TransferParams = TransferParams(),
    *,
    onto: NDArray[np.float32] | None = None,
    guides: Sequence[Guide] = (),
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
        guides: what the user says goes with what, and what keeps its colors (see :mod:`nct_core.guides.types`); points and masks are in pixels of
            the source and of the reference of that number.
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
        InputError: an image is not usable, the message saying which, or there are more references than memory has room for. A guide does not
            fit its picture, or two contradict each other.
        WeightsError: no usable network weights.
        DeviceError: no such device, not enough memory, or the device that was asked for failed.
        ConvergenceError: a solver failed.
        Cancelled: ``cancel`` returned True.
        Whatever ``progress``, ``cancel`` or ``observer`` raise, unchanged.
    """
    started, caller = time.perf_counter(), Caller()
    onto = source if onto is None else onto
    check_inputs(source, onto, references, names)
    found = checked(guides, source, references, params.working_size)
    stages = Stages(_total_cost(len(references)), caller.watched(progress), caller.watched(cancel))
    request = _Request(source, onto, tuple(references), tuple(found), weights_path, caller.watched(observer), started)
    return on_first_that_computes(device, _TRIALS, stages, caller, lambda at: _transfer(request, Run(params, at, stages)))


@dataclass(frozen=True)
class _Request:
    """What is asked for, checked."""

    source: NDArray[np.float32]
    onto: NDArray[np.float32]
    references: tuple[NDArray[np.float32], ...]
    guides: tuple[Guide, ...]
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
    given_away: torch.Tensor | None  # of the references, by the guides; None without any


@dataclass(frozen=True)
class _Level:
    """What a level has found: fields by index of the reference, labels as such indices, and the transform on the working grid."""

    fields: dict[int, Fields]
    labels: torch.Tensor
    guidance: Guidance
    confidence: torch.Tensor
    coefficients: torch.Tensor
    limit: str  # of the look


def _transfer(request: _Request, run: Run) -> TransferResult:
    stages, size = run.stages, run.params.working_size
    shapes = [working_shape((image.shape[0], image.shape[1]), size) for image in (request.source, *request.references)]
    memory.check_room(shapes[0], shapes[1:], run.backend)
    stages.begin(_NETWORK_COST, Text("loading_network"))
    file = weights.find(request.weights_path)
    with backend.out_of_memory_as_error(f"a transfer at a working size of {size} px"):
        network = installed(file, run.backend.device, exact=run.params.as_published)
        stages.advance(0.6)
        inputs = _read(request, network, run)
        coarsest, finest = _levels(inputs, network, run, request.observer)
    with backend.out_of_memory_as_error(f"an image of {request.onto.shape[1]}x{request.onto.shape[0]} px"):
        stages.begin(_APPLYING_COST, Text("applying"))
        look = GlobalLook(_colors(inputs.source, inputs.references, finest.labels).reference.astype(np.float32))
        kept, lightness = protected(request.guides), inputs.source.lab[..., 0].contiguous()
        coefficients = finest.coefficients if kept is None else keep_colors(finest.coefficients, softened(kept, lightness))
        transform = ColorTransform(coefficients, lightness, look, Made(run.params, file.backbone), kept)
        image = transform.apply(request.onto, run.params.strength, run.params.keep_lightness, advance=stages.advance)
    stages.end()
    notes = () if finest.limit == "gray" and color_channels(request.source.shape[2]) == 1 else _NOTES[finest.limit]  # a gray source stays gray anyway
    labels = _numbers(finest.labels, inputs.references)
    counts = np.bincount(labels[inputs.source.valid.cpu().numpy()], minlength=len(inputs.references))
    return TransferResult(
        image=image, transform=transform, shares=(counts / counts.sum()).tolist(), backbone=file.backbone, device=run.backend.name,
        seconds=time.perf_counter() - request.started, notes=notes, working_labels=labels, finest_confidence=finest.confidence.cpu().numpy(),
        matches=_matches(inputs.references, coarsest.fields, request.references),
    )  # fmt: skip


def _read(request: _Request, network: FeaturePyramid, run: Run) -> _Inputs:
    """Brings all images to working size and computes what is known before the first level."""
    params, stages, device = run.params, run.stages, run.backend.device
    source = prepare(request.source, params.working_size, device)
    stages.advance(0.8)
    stages.begin(_SOURCE_COST, Text("reading_source"))
    features = network.kept(source.rgb, [COARSEST - 2, COARSEST - 1, COARSEST][0 if request.guides else 1 :], run.part(0.0, 0.6))
    clusters = Clusters(features[COARSEST], params.clusters, params.seed, run.part(0.6, 0.9))
    half = None if params.as_published else network.half_size(source.rgb, run.part(0.9, 1.0))
    references = sorted((read(number, prepare(image, params.working_size, device)) for number, image in enumerate(request.references)), key=lambda x: x.digest)
    costs, given_away = None, None
    if request.guides:
        references, given_away = steered([seen(reference, network) for reference in references], request.guides, source, features)
    for index, reference in enumerate(references):
        stages.begin(_REFERENCE_COST, Text("reading_one_reference", reference.number + 1) if len(references) > 1 else Text("reading_reference"))
        turned = reference if half is None else oriented(reference, half, network, run.part(0.0, 0.3))
        references[index] = seen(turned, network, run.part(0.3, 1.0))
    if len(references) > 1:
        described = describe(features[COARSEST], features[COARSEST - 1])
        costs = evidence_costs([explains(reference, described) for reference in references], source.valid_on((described.shape[0], described.shape[1])))
    return _Inputs(source, tuple(references), features, half, clusters, costs, given_away)


def _levels(inputs: _Inputs, network: FeaturePyramid, run: Run, observer: Observer | None) -> tuple[_Level, _Level]:
    """Goes through all levels, coarse to fine; returns the coarsest and the finest."""
    source, references, features = inputs.source, inputs.references, inputs.features
    upsample, coarsest, above, evidence, limit = EdgeAwareUpsampling(source.lab, run.backend.kernels), None, None, None, ""
    for level in range(COARSEST, 0, -1):
        view = SourceLevel.of(level, source, features[level], inputs.half)
        if level == COARSEST and not run.params.as_published:
            references = tuple(settled(reference, view, run.part(0.0, 0.0)) for reference in references)
        fields, says = _match(view, references, above, network, run)
        alike = {} if evidence or run.params.as_published else {index: compare(references[index], view, found) for index, found in fields.items()}
        for reference in references:
            reference.release(level)
        run.stages.begin(_RECOLORING_COSTS[level], Text("recoloring", COARSEST + 1 - level, COARSEST))
        labels = label_map(view, says, None if above is None else above.labels, inputs.evidence_costs, inputs.given_away, run.part(0.0, 0.1))
        guidance = fuse(says, labels)
        confidence, spoken = guidance.confidence(), guided(references, labels)
        confidence = confidence if spoken is None else torch.maximum(confidence, spoken)
        coefficients = _fit(view, guidance, confidence, inputs.clusters, upsample, run)
        evidence = Evidence(fuse(alike, labels), guidance.agreement) if alike else evidence
        if level == 1 and evidence is not None:
            evidence = dataclasses.replace(evidence, guided=spoken, regions=_regions(references, labels))
            finished = _finish(source, references, labels, coefficients, evidence, run)
            coefficients, confidence, limit = finished.coefficients, finished.confidence, finished.limit
        above = _Level(fields, labels, guidance, confidence, coefficients, limit)
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
    tolerance = {} if params.as_published else {"tolerance": _TOLERANCE}
    kernels, advance = run.backend.kernels, run.part(0.4, 0.7)
    low = fit(view.colors, guidance.colors, confidence, graph, terms, agreement=agreement, kernels=kernels, advance=advance, **tolerance).x
    smoothness = params.edge_smoothness * view.pixels_per_position * (_FINEST_SMOOTHNESS_FACTOR if view.level == 1 else 1.0)
    return upsample(low, weight=smoothness, agreement=agreement, advance=run.part(0.7, 0.9), **tolerance).x


def _finish(
    source: WorkingImage, references: tuple[Reference, ...], labels: torch.Tensor, coefficients: torch.Tensor, evidence: Evidence, run: Run
) -> Finished:
    """What is done to the transform once, after the finest level, other than as published."""
    coefficients = texture.keep(coefficients, source.lab[..., 0])
    colors = _colors(source, references, labels)
    return finish(source.rgb, source.lab, coefficients, evidence, colors, run.params.content, run.part(0.9, 1.0))


def _regions(references: tuple[Reference, ...], labels: torch.Tensor) -> Regions | None:
    """The regions of the references that give a place its colors."""
    found = [
        (plane * (labels == index), mean)
        for index, reference in enumerate(references)
        for plane, mean in ([] if reference.classes is None else reference.classes.regions(reference.image.lab))
    ]
    return Regions(torch.stack([plane for plane, _ in found], -1), torch.stack([mean for _, mean in found])) if found else None


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
