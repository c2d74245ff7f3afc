"""Finds labels of low energy by alpha-expansion (Boykov, Veksler and Zabih, "Fast approximate energy minimization via graph cuts", 2001), compiled."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..runtime.compiled import compiled
from ..runtime.progress import Advance, unwatched
from .graph_cut import minimum_cut

_ROUNDS = 5
# The cut works on integer energies, so that sums do not depend on their order.
_UNIT = 1e6
_FIXED = np.int64(1) << 50


def expand(
    labels: NDArray[np.uint8],
    data: NDArray[np.float32],
    colors: NDArray[np.float32],
    edges: NDArray[np.float32],
    free: NDArray[np.bool_],
    *,
    boundary: float,
    seam: float,
    advance: Advance = unwatched,
) -> NDArray[np.uint8]:
    """Lowers the energy of a labeling: each label in turn expands where that lowers the energy, until none can.

    sum_p data[I(p)](p) + sum over pairs of neighbors with different labels of edges(p, q) * (boundary + seam * (
    ||colors[I(p)](p) - colors[I(q)](p)|| + ||colors[I(p)](q) - colors[I(q)](q)||))

    Args:
        labels: uint8 [h, w], the labels to start from.
        data: float32 [n, h, w], the cost of each label at each position.
        colors: float32 [n, h, w, 3].
        edges: float32 [h, w, 2], >= 0, weights of the pairs to the right and down.
        free: bool [h, w]; other positions keep their labels.
        boundary, seam: weights, >= 0.
        advance: called before every label's turn.

    Returns:
        uint8 [h, w].
    """
    terminal, capacity = np.empty(labels.shape, np.int64), np.empty((*labels.shape, 4), np.int64)
    for number in range(_ROUNDS):
        before = labels
        for label in range(len(data)):
            advance((number + label / len(data)) / _ROUNDS)
            _moves_to(label, labels, data, colors, edges, free, boundary * _UNIT, seam * _UNIT, terminal, capacity)
            labels = np.where(minimum_cut(terminal, capacity), np.uint8(label), labels)
        if np.array_equal(labels, before):
            break
    return labels


@compiled()
def _moves_to(label, labels, data, colors, edges, free, boundary, seam, terminal, capacity):
    """Fills in the graph whose minimum cut has, on the sink's side, the positions that should take ``label``; the others keep their labels."""
    height, width = labels.shape
    terminal[:], capacity[:] = 0, 0
    for row in range(height):
        for col in range(width):
            if free[row, col]:
                terminal[row, col] += np.int64(np.rint(_UNIT * (data[labels[row, col], row, col] - data[label, row, col])))
            for down in range(2):
                i, j = row + down, col + 1 - down
                if i == height or j == width or not (free[row, col] or free[i, j]):
                    continue
                if not free[row, col]:
                    terminal[row, col] = -_FIXED
                if not free[i, j]:
                    terminal[i, j] = -_FIXED
                # The pair's energy: p and q as the edge leads, each keeping its label (0) or taking the new one (1).
                here, there = labels[row, col], labels[i, j]
                weight = edges[row, col, down]
                kept = _pair(here, there, colors, row, col, i, j, weight, boundary, seam)
                q_takes = _pair(here, label, colors, row, col, i, j, weight, boundary, seam)
                p_takes = _pair(label, there, colors, row, col, i, j, weight, boundary, seam)
                terminal[row, col] += kept - p_takes
                terminal[i, j] += p_takes
                capacity[row, col, 2 * down] = max(np.int64(0), q_takes + p_takes - kept)


@njit(inline="always")
def _pair(a, b, colors, row, col, i, j, weight, boundary, seam):
    """The cost of label a at one position and label b at its neighbor."""
    if a == b:
        return np.int64(0)
    return np.int64(np.rint(weight * (boundary + seam * (_distance(colors, a, b, row, col) + _distance(colors, a, b, i, j)))))


@njit(inline="always")
def _distance(colors, a, b, row, col):
    total = 0.0
    for channel in range(3):
        total += (colors[a, row, col, channel] - colors[b, row, col, channel]) ** 2
    return np.sqrt(total)
