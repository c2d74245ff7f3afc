"""Several references -> a label map and one guidance (paper: "multiple references"; the energy is ours).

At the coarsest level every position gets the label of one reference, by alpha-expansion on the likeness of the references' best patches.
Finer levels keep the labels. Near the boundaries the references compete again, by the errors of the level; elsewhere they do not, because
the recolored source resembles the chosen reference. The references' agreement with each other is not used: where they show different things
it is no evidence (measured: it makes label maps worse).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from ..pixels.grids import on_grid
from ..pixels.resample import resize
from ..runtime.progress import Advance, unwatched
from .alpha_expansion import expand
from .source_level import SourceLevel
from .voting import Guidance

# So many standard deviations of the evidence at one position weigh as much as a seam across the whole range of colors
# along one side of the position, on a grid with so many positions a side. Boundaries grow with a grid's side and areas
# with its square: on other grids the evidence is scaled, so that the map does not depend on the size of the images.
_EVIDENCE_RANGE, _TYPICAL_SIDE = 5.5, 38.0
_BOUNDARY, _SEAM = 0.6, 1.0
# Color difference at which an edge of the source begins to count, and the share of a boundary's cost that is left at a strong edge.
_EDGE_CONTRAST, _EDGE_FLOOR = 0.2, 0.3
_BAND_RADIUS = 3
# Cost of a reference where the user has given a place to another: more than any evidence and seam.
_GIVEN_AWAY = np.float32(50.0)


def evidence_costs(evidence: Sequence[torch.Tensor], valid: torch.Tensor) -> torch.Tensor:
    """Turns evidence into the cost of each reference at each position.

    Args:
        evidence: for each reference float32 [h, w], how well it explains each position; comparable across references.
        valid: bool [h, w], the positions that count.

    Returns:
        float32 [n, h, w] on the CPU, for :func:`label_map` at the coarsest level.
    """
    return torch.from_numpy(_cost(torch.stack(list(evidence)).cpu().numpy(), valid.cpu().numpy()))


def label_map(
    source: SourceLevel,
    candidates: dict[int, Guidance],
    coarser: torch.Tensor | None,
    costs: torch.Tensor | None,
    given_away: torch.Tensor | None = None,
    advance: Advance = unwatched,
) -> torch.Tensor:
    """Labels the grid of a level.

    Args:
        source: the source at this level.
        candidates: the guidance of each reference by label; below the coarsest level only references that occur in the coarser map.
        coarser: uint8 [h', w'], the map of the level above; None at the coarsest level.
        costs: result of :func:`evidence_costs`, used at the coarsest level; None with one reference.
        given_away: float32 [n, H, W], [0, 1], by key how far the user gives each place to another reference; None where nothing was said.
        advance: called between the steps of the work.

    Returns:
        uint8 [h, w], keys of ``candidates``, on the device of the source.
    """
    keys = np.array(sorted(candidates), np.uint8)
    if len(keys) == 1:
        return torch.full(source.grid, int(keys[0]), dtype=torch.uint8, device=source.colors.device)
    valid = source.valid.cpu().numpy()
    if coarser is None:
        assert costs is not None, "several references need evidence"
        cost = resize(costs.permute(1, 2, 0), source.grid).permute(2, 0, 1).numpy()
        free = np.ones(source.grid, np.bool_)
    else:
        cost = _cost(-torch.stack([candidates[key].error for key in keys.tolist()]).cpu().numpy(), valid)
        start = np.searchsorted(keys, on_grid(coarser, source.grid).cpu().numpy()).astype(np.uint8)
        free = maximum_filter(start, 2 * _BAND_RADIUS + 1) != minimum_filter(start, 2 * _BAND_RADIUS + 1)
    cost = np.where(valid, cost * np.float32(_TYPICAL_SIDE / valid.size**0.5), np.float32(0.0))
    if given_away is not None:
        cost += _GIVEN_AWAY * resize(given_away.permute(1, 2, 0), source.grid).permute(2, 0, 1).cpu().numpy()[keys]
    if coarser is None:
        start = cost.argmin(0).astype(np.uint8)
    colors = torch.stack([candidates[key].colors for key in keys.tolist()]).cpu().numpy()
    edges = _edge_weights(source.colors.cpu().numpy())
    labels = expand(start, cost, colors, edges, free, boundary=_BOUNDARY, seam=_SEAM, advance=advance)
    return torch.from_numpy(keys[labels]).to(source.colors.device)


def _cost(evidence: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Scales evidence for the energy by the variation of the best evidence over the source: float32 [n, h, w]."""
    spread = float(evidence.max(0)[valid].std(dtype=np.float64))
    return -evidence / np.float32(_EVIDENCE_RANGE * max(spread, 1e-6))


def _edge_weights(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of a boundary between neighbors, smaller where the source has an edge: float32 [h, w, 2], to the right and down."""
    weights = np.zeros((*colors.shape[:2], 2), np.float32)
    for axis, pairs in ((1, weights[:, :-1, 0]), (0, weights[:-1, :, 1])):
        contrast = np.linalg.norm(np.diff(colors, axis=axis), axis=-1)
        pairs[:] = _EDGE_FLOOR + (1.0 - _EDGE_FLOOR) * np.exp(-contrast / _EDGE_CONTRAST)
    return weights
