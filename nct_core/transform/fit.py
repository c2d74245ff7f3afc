"""Source + guidance -> the local linear color transform on a level's grid (paper section 3.3); see :mod:`nct_core.transform.coefficients`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..runtime.backend import Kernels, on_cpu
from ..runtime.progress import Advance, unwatched
from ..solver.conjugate_gradients import solve
from ..solver.graph import Graph
from ..solver.system import Grid, Solution, System
from . import fit_cpu

EDGE_EXPONENT = 1.2  # alpha
EDGE_FLOOR = 1e-4  # eps
PUBLISHED_DEVIATION_FLOOR = 0.6  # in 0..255 units
# Ratio of mu in the two chroma channels to mu in lightness: grain is less visible there, and faded colors are more visible (ours).
_CHROMA_CONTRAST = 4.0
# Additional weight of the data and contrast terms where matches agree fully, because the guidance can be trusted there (ours).
_AGREEMENT_GAIN = 20.0
_CONTRAST_FLOOR = 1e-3  # keeps the minimum unique where all other weights are zero
_AFFINE_TOLERANCE = 3e-3


@dataclass(frozen=True)
class TermWeights:
    """Weights of the terms of :func:`fit`; the nonlocal term's are in its graph.

    Attributes:
        data: d, source pixels per position of the grid.
        local: lambda_l.
        contrast: mu.
        deviation_floor: added to the source's deviations in the initial slopes (see :func:`initial_transform`), in 0..255 units. With the
            published 0.6, weak grain in smooth regions is amplified to noise; a higher floor prevents this (ours).
    """

    data: float
    local: float
    contrast: float
    deviation_floor: float = PUBLISHED_DEVIATION_FLOOR


def edge_weights(lightness: torch.Tensor, weight: float) -> tuple[torch.Tensor, torch.Tensor]:
    """weight / (|l_p - l_q|^alpha + eps) for the edges to the right and down, float32 [h, w] each; 0 past the border.

    Args:
        lightness: float32 [h, w], [0, 1].
        weight: weight of an edge between equal lightnesses, times eps.
    """
    right, down = torch.zeros_like(lightness), torch.zeros_like(lightness)
    right[:, :-1] = weight / ((lightness[:, 1:] - lightness[:, :-1]).abs() ** EDGE_EXPONENT + EDGE_FLOOR)
    down[:-1] = weight / ((lightness[1:] - lightness[:-1]).abs() ** EDGE_EXPONENT + EDGE_FLOOR)
    return right, down


def initial_transform(source: torch.Tensor, guidance: torch.Tensor, floor: float = PUBLISHED_DEVIATION_FLOOR) -> torch.Tensor:
    """The transform that matches mean and deviation over 3x3 windows, [h, w, 6] (paper section 3.3).

    a = sigma_g / (sigma_s + floor) and b = mu_g - a mu_s, with mean and deviation in 0..255 units.

    Args:
        source, guidance: float32 [h, w, 3], scaled Lab.
        floor: 0.6 as published.
    """

    def moments(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        planes = F.pad(image.permute(2, 0, 1)[None] * 255.0, (1, 1, 1, 1))
        inside = F.pad(torch.ones_like(image[None, None, :, :, 0]), (1, 1, 1, 1))
        count = F.avg_pool2d(inside, 3, 1)
        mean = F.avg_pool2d(planes, 3, 1) / count
        # Deviation from the window's own mean, shift by shift: no cancellation between large squares.
        height, width = image.shape[:2]
        spread = torch.zeros_like(mean)
        for i in range(3):
            for j in range(3):
                window = (..., slice(i, i + height), slice(j, j + width))
                spread += inside[window] * (planes[window] - mean) ** 2
        return mean[0].permute(1, 2, 0), (spread / (9.0 * count))[0].permute(1, 2, 0).sqrt()

    (mean_s, sigma_s), (mean_g, sigma_g) = moments(source), moments(guidance)
    a = sigma_g / (sigma_s + floor)
    return torch.stack([a, (mean_g - a * mean_s) / 255.0], -1).flatten(-2)


def normal_equations(
    source: torch.Tensor, guidance: torch.Tensor, confidence: torch.Tensor, weights: TermWeights, agreement: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Computes the terms of :func:`fit` that belong to single positions.

    Returns:
        The start (a_0, b_0), float32 [h, w, 6]; the blocks of the matrix, [h, w, 9] (see :class:`nct_core.solver.system.System`); the
        right-hand side, [h, w, 6].
    """
    mu = max(weights.contrast, _CONTRAST_FLOOR)
    contrast = (mu, _CHROMA_CONTRAST * mu, _CHROMA_CONTRAST * mu)
    gain = agreement_gain(agreement, confidence)
    data = weights.data * confidence * gain
    if on_cpu(source):
        return fit_cpu.normal_equations(source, guidance, data, gain, contrast, weights.deviation_floor / 255.0)
    return _normal_equations(source, guidance, data, gain, contrast, weights.deviation_floor)


def _normal_equations(
    source: torch.Tensor, guidance: torch.Tensor, data: torch.Tensor, gain: torch.Tensor, contrast: tuple[float, float, float], floor: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    start, data, mu = initial_transform(source, guidance, floor), data[..., None], gain[..., None] * source.new_tensor(contrast)
    blocks = torch.stack([data * source * source + mu, data * source, data + mu], -1).flatten(-2)
    rhs = torch.stack([data * guidance * source, data * guidance], -1).flatten(-2)
    return start, blocks, rhs + mu.repeat_interleave(2, -1) * start


def agreement_gain(agreement: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(like) if agreement is None else 1.0 + _AGREEMENT_GAIN * agreement


def fit(
    source: torch.Tensor,
    guidance: torch.Tensor,
    confidence: torch.Tensor,
    graph: Graph | None,
    weights: TermWeights,
    *,
    agreement: torch.Tensor | None = None,
    kernels: Kernels | None = None,
    tolerance: float = _AFFINE_TOLERANCE,
    advance: Advance = unwatched,
) -> Solution:
    """Fits the transform at a level's grid: the minimizer of data, local, nonlocal (paper section 3.3) and contrast terms (ours).

    sum_p gain(p) d w(p) (a s + b - g)^2 + lambda_l sum over N4, each pair twice, of [(a_p - a_q)^2 + (b_p - b_q)^2] / (|l_p - l_q|^alpha + eps)
    + sum over the graph's ties of weight * [(a_p - a_q)^2 + (b_p - b_q)^2]
    + mu sum_p gain(p) [(a - a_0)^2 + (b - b_0)^2]

    with (a_0, b_0) of :func:`initial_transform`, and 4 mu in the chromaticity channels. The published program stops after 100
    iterations of conjugate gradients from there. At the true minimum of the first three terms the slopes are those of a regression on
    misaligned votes, which are far too flat, and images lose their contrast. The last term replaces the early stop and makes the
    minimum unique. The gain is 1 + 20 times the agreement of the matches: smoothness compensates for bad matches and counts less
    where matches are good.

    Args:
        source, guidance: float32 [h, w, 3], scaled Lab; the source is the original one, not the recolored.
        confidence: float32 [h, w], w in [1e-6, 1].
        graph: the nonlocal ties; None for none.
        weights: d, lambda_l and mu.
        agreement: float32 [h, w], [0, 1], see :mod:`nct_core.matching.consistency`; None for a gain of 1.
        kernels: of the device, see :class:`nct_core.solver.system.Grid`.
        tolerance: of the solver, see :func:`nct_core.solver.conjugate_gradients.solve`.
        advance: called between the steps of the work.

    Raises:
        ConvergenceError: the solver did not reach its tolerance.
    """
    start, blocks, rhs = normal_equations(source, guidance, confidence, weights, agreement)
    advance(0.0)
    grid = Grid(*edge_weights(source[..., 0], 2.0 * weights.local), kernels)  # every pair of neighbors counts twice in the energy
    advance(0.0)
    return solve(System(blocks, grid, graph), rhs, tolerance=tolerance, start=start, advance=advance)
