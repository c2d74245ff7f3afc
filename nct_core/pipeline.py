"""The coarse-to-fine loop (paper section 3): features, fields, guidance, transform, level by level from relu5_1 to relu1_1."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from . import devices, local_affine, nnf, voting, weights
from .color import lab_to_srgb
from .errors import Cancelled, InputError
from .features import COARSEST, FeaturePyramid
from .local_affine import TermWeights, recolor
from .nonlocal_graph import Clusters, nonlocal_graph
from .params import TransferParams
from .patchmatch import patchmatch, search_radii
from .transform import ColorTransform
from .working import WorkingImage, check_image, prepare, resize

_FINEST_SMOOTHNESS_FACTOR = 4.0

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class TransferResult:
    """What a transfer gives.

    Attributes:
        image: float32 [H, W, C] like the source, sRGB-encoded; colours outside sRGB leave [0, 1].
        transform: what was done to the source's colours; applies to the same picture at any size and strength.
        labels: uint8 [H, W], which reference coloured each pixel, or None with one reference.
        backbone: "VGG-16" or "VGG-19".
        device: what computed it, in words.
        seconds: wall time.
        field: int32 [h, w, 2], the coarsest nearest-neighbour field, source to first reference (see :mod:`nct_core.nnf`).
        field_grid, reference_shape: the grid that ``field`` points into, and the first reference's (rows, columns).
        finest_confidence: float32 [h, w], w of the finest level.
    """

    image: NDArray[np.float32]
    transform: ColorTransform
    labels: NDArray[np.uint8] | None
    backbone: str
    device: str
    seconds: float
    field: nnf.Field
    field_grid: nnf.Shape
    reference_shape: nnf.Shape
    finest_confidence: NDArray[np.float32]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """float32 [H, W], (0, 1]: how well each source pixel's features agree with what the reference voted for it."""
        return resize(torch.from_numpy(self.finest_confidence)[..., None], self._shape)[..., 0].numpy()

    @property
    def correspondences(self) -> NDArray[np.float32]:
        """float32 [H, W, 2]: for every source pixel the (row, column) of its match, in pixels of the first reference.

        These are the matches of the coarsest level, by meaning. Finer levels look for ever more local likeness around them, which
        gives better colours and worse counterparts (ours; measured against true correspondences).
        """
        return nnf.to_pixels(self.field, self.field_grid, self._shape, self.reference_shape)

    @property
    def _shape(self) -> nnf.Shape:
        return (self.image.shape[0], self.image.shape[1])


def transfer(
    source: NDArray[np.float32],
    references: Sequence[NDArray[np.float32]],
    params: TransferParams = TransferParams(),
    *,
    device: str = "auto",
    weights_path: str | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> TransferResult:
    """Gives the source the references' colours, matched by meaning.

    Args:
        source: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA. Fully transparent
            pixels take no part.
        references: one image of the same kind, of any size.
        params: see :class:`TransferParams`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        weights_path: network weights to use instead of the installed ones.
        progress: called with a fraction in [0, 1] that never falls, and the stage in words.
        cancel: asked between stages; True stops the transfer.

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
    reference = check_image("reference", references[0])
    if reference.shape == source.shape and np.array_equal(reference, source):
        raise InputError("expected a reference that differs from the source, got the same pixels; choose another picture")
    at = devices.resolve(device)

    def report(fraction: float, stage: str) -> None:
        if cancel is not None and cancel():
            raise Cancelled("the transfer was cancelled")
        if progress is not None:
            progress(fraction, stage)

    report(0.0, "Loading the network")
    file = weights.find(weights_path)
    pyramid = FeaturePyramid(weights.load(file), file.backbone, at)
    with devices.out_of_memory_as_error(f"a transfer at a working size of {params.working_size} px"):
        work = _Transfer(prepare(source, params.working_size, at), prepare(reference, params.working_size, at), params, pyramid, report)
        work.run()
    with devices.out_of_memory_as_error(f"an image of {source.shape[1]}x{source.shape[0]} px"):
        report(0.95, "Applying the colours")
        transform = ColorTransform(work.coefficients, work.source.lab[..., 0].contiguous())
        image = transform.apply(source, params.strength)
    report(1.0, "Done")
    return TransferResult(
        image=image, transform=transform, labels=None, backbone=file.backbone, device=devices.describe(at), seconds=time.perf_counter() - started,
        field=work.coarsest, field_grid=work.coarsest_grid, reference_shape=(reference.shape[0], reference.shape[1]),
        finest_confidence=work.confidence.cpu().numpy(),
    )  # fmt: skip


class _Transfer:
    """The state that goes from level to level."""

    forward: nnf.Field
    backward: nnf.Field
    coarsest: nnf.Field
    coarsest_grid: nnf.Shape
    source_grid: nnf.Shape
    reference_grid: nnf.Shape
    confidence: torch.Tensor
    coefficients: torch.Tensor

    def __init__(self, source: WorkingImage, reference: WorkingImage, params: TransferParams, pyramid: FeaturePyramid, report: Progress) -> None:
        self.source, self.reference, self.params, self.pyramid, self.report = source, reference, params, pyramid, report

    def run(self) -> None:
        """Every level, coarse to fine; leaves the transform on the source's working grid in ``coefficients``."""
        self.report(0.02, "Reading the reference")
        reference_features = self.pyramid(self.reference.rgb, range(1, COARSEST + 1))
        recolored = self.source.rgb
        for level in range(COARSEST, 0, -1):
            # Cost grows fourfold a level: most of the time belongs to the last two.
            fraction = {5: 0.1, 4: 0.2, 3: 0.3, 2: 0.45, 1: 0.65}[level]
            name = f"level {COARSEST + 1 - level} of {COARSEST}"
            self.report(fraction, f"Matching, {name}")
            features = self.pyramid(recolored, [level])[level]
            if level == COARSEST:
                clusters = Clusters(features, self.params.clusters, self.params.seed)
            guidance, voted = self._match(level, features, reference_features.pop(level))
            self.report(fraction + 0.06, f"Recolouring, {name}")
            low = self._fit(guidance, voted, clusters)
            smoothness = self.params.edge_smoothness * self._pixels_per_position() * (_FINEST_SMOOTHNESS_FACTOR if level == 1 else 1.0)
            self.coefficients = local_affine.upsample_edge_aware(low, self.source.lab, weight=smoothness).x
            if level > 1:  # the next level's features are those of the recoloured source
                recolored = lab_to_srgb(recolor(self.coefficients, self.source.lab).clamp(0, 1)).clamp(0, 1)

    def _match(self, level: int, features: torch.Tensor, reference_features: torch.Tensor) -> tuple[voting.Guidance, torch.Tensor]:
        """Fields in both directions, started from the level above, and what they vote for."""
        grid, to_grid = _grid(features), _grid(reference_features)
        valid, to_valid = self.source.valid_on(grid), self.reference.valid_on(to_grid)
        if level == COARSEST:
            forward, backward = nnf.identity(grid, to_grid), nnf.identity(to_grid, grid)
        else:
            forward = nnf.upsample(self.forward, grid, to_grid, self.reference_grid)
            backward = nnf.upsample(self.backward, to_grid, grid, self.source_grid)
        radii = search_radii(level, max(*self.source.shape, *self.reference.shape))
        search = functools.partial(patchmatch, radii=radii, iterations=self.params.patchmatch_iterations, seed=self.params.seed)
        self.forward = search(features, reference_features, nnf.to_valid(forward, to_valid), to_valid)
        self.backward = search(reference_features, features, nnf.to_valid(backward, valid), valid)
        self.source_grid, self.reference_grid = grid, to_grid
        if level == COARSEST:
            self.coarsest, self.coarsest_grid = self.forward, to_grid
        return voting.vote(
            features, reference_features, self.source.lab_on(grid), self.reference.lab_on(to_grid), self.forward, self.backward, valid, to_valid,
            bds_weight=self.params.bds_weight,
        )  # fmt: skip

    def _fit(self, guidance: voting.Guidance, voted: torch.Tensor, clusters: Clusters) -> torch.Tensor:
        """The transform on the level's grid, float32 [h, w, 6]."""
        colors = self.source.lab_on(self.source_grid)
        self.confidence = guidance.confidence(voted)
        graph = nonlocal_graph(
            colors, self.source.valid_on(self.source_grid), clusters, neighbours=self.params.nonlocal_neighbours, weight=self.params.nonlocal_weight
        )
        terms = TermWeights(data=self._pixels_per_position(), local=self.params.local_weight, contrast=self.params.contrast_weight)
        return local_affine.fit(colors, guidance.colors, self.confidence, graph, terms).x

    def _pixels_per_position(self) -> float:
        """d: working pixels per position of the current grid."""
        return self.source.shape[0] * self.source.shape[1] / (self.source_grid[0] * self.source_grid[1])


def _grid(features: torch.Tensor) -> nnf.Shape:
    return (features.shape[0], features.shape[1])
