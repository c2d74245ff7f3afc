"""Several references -> a label map and one guidance (paper: "multiple references"; the energy is ours).

At the coarsest level every position gets the label of one reference by alpha-expansion on the likeness of its best patches. Finer
levels take the labels over and let them compete by the level's own errors, but only near their boundaries: the source is recolored by
then, and resembles the reference that was chosen wherever it was. Agreement of the references among each other plays no part: where
they show different things it is no evidence (measured: it makes label maps worse).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from ..pixels.grids import nearest_cells
from ..pixels.resample import resize
from ..runtime.progress import Advance, unwatched
from .alpha_expansion import expand
from .source_level import SourceLevel
from .voting import Guidance

# Standard deviations of the evidence over the source that weigh, at one position, as much as a jump through the whole range of colors
# along a boundary as long as the position's side; on a grid of this many positions a side. Boundaries grow with a grid's side and
# areas with its square: on other grids the evidence is scaled, so that the map does not depend on the size of the pictures.
_EVIDENCE_RANGE, _TYPICAL_SIDE = 5.5, 38.0
_BOUNDARY, _SEAM = 0.6, 1.0
# Color difference at which a boundary of the source begins to count, and what is left of a seam's cost at a strong one.
_EDGE_CONTRAST, _EDGE_FLOOR = 0.2, 0.3
_BAND_RADIUS = 3


class Labels:
    """Which reference each source position takes its colors from, level by level.

    Args:
        evidence: for each reference float32 [h, w], how well it explains each position, comparable across references; may be left
            out with one reference.
        valid: bool [h, w], the positions that count.
    """

    def __init__(self, evidence: list[NDArray[np.float32]], valid: NDArray[np.bool_]) -> None:
        self._cost = _cost(np.stack(evidence), valid) if evidence else None
        self._map: NDArray[np.uint8] | None = None

    def used(self, references: int) -> list[int]:
        """Which of the references have a position at the level refined last; all at first."""
        return list(range(references)) if self._map is None else np.unique(self._map).tolist()

    def refine(self, source: SourceLevel, candidates: dict[int, Guidance], advance: Advance = unwatched) -> NDArray[np.uint8]:
        """Labels the grid of a level; levels come from coarse to fine.

        Args:
            source: on this level.
            candidates: what the references say that are :meth:`used`.
            advance: called between the steps of the work.

        Returns:
            uint8 [h, w], keys of ``candidates``.
        """
        keys = np.array(sorted(candidates), np.uint8)
        if len(keys) == 1:
            self._map = np.full(source.grid, keys[0])
            return self._map
        if self._map is None:
            assert self._cost is not None, "several references need evidence"
            cost = resize(torch.from_numpy(self._cost).permute(1, 2, 0), source.grid).permute(2, 0, 1).numpy()
            start, free = cost.argmin(0).astype(np.uint8), np.ones(source.grid, np.bool_)
        else:
            cost = _cost(-np.stack([candidates[key].error.cpu().numpy() for key in keys.tolist()]), source.valid)
            rows, cols = nearest_cells(source.grid, (self._map.shape[0], self._map.shape[1]))
            start = np.searchsorted(keys, self._map[np.ix_(rows, cols)]).astype(np.uint8)
            free = maximum_filter(start, 2 * _BAND_RADIUS + 1) != minimum_filter(start, 2 * _BAND_RADIUS + 1)
        cost = np.where(source.valid, cost * np.float32(_TYPICAL_SIDE / source.valid.size**0.5), np.float32(0.0))
        colors = np.stack([candidates[key].colors.cpu().numpy() for key in keys.tolist()])
        edges = _edge_weights(source.colors.cpu().numpy())
        labels = expand(start, cost, colors, edges, free, boundary=_BOUNDARY, seam=_SEAM, advance=advance)
        self._map = keys[labels]
        return self._map


def _cost(evidence: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Evidence on the scale of the energy, float32 [n, h, w]: by how much the best of it varies over the source."""
    spread = float(evidence.max(0)[valid].std(dtype=np.float64))
    return -evidence / np.float32(_EVIDENCE_RANGE * max(spread, 1e-6))


def _edge_weights(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a boundary between neighbors counts: less where the source has one. float32 [h, w, 2], to the right and down."""
    weights = np.zeros((*colors.shape[:2], 2), np.float32)
    for axis, pairs in ((1, weights[:, :-1, 0]), (0, weights[:-1, :, 1])):
        contrast = np.linalg.norm(np.diff(colors, axis=axis), axis=-1)
        pairs[:] = _EDGE_FLOOR + (1.0 - _EDGE_FLOOR) * np.exp(-contrast / _EDGE_CONTRAST)
    return weights
