"""The nonlocal term's graph: ties between similarly colored positions of one feature cluster (paper section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial.distance import cdist

from . import nonlocal_graph_cpu, nonlocal_graph_torch
from .advance import Advance, part, unwatched
from .nnf import nearest_cells
from .solvers import Graph

_KMEANS_ROUNDS = 50
_WINDOW = 8  # entries on either side along each curve, or k if that is more
_SHIFTS = (0.0, 0.3)
_CURVE_SPAN = 1.5  # colors, shifted, lie in [0, this)
# 6 bits for the cluster, 3 * 11 for the curve, 22 for the position: the largest working image has 2000 * 2000.
_CURVE_BITS, _POSITION_BITS = 11, 22
_SCATTER = 2654435769  # odd, so that it only permutes the positions; 2^32 over the golden ratio spreads them


class Clusters:
    """k-means clusters of the coarsest source features, each dilated by one cell.

    Args:
        features: int16 [h, w, C], relu5_1 of the source.
        count: number of centers; fewer where there are fewer positions.
        seed: of the choice of the first centers.
        advance: called between rounds.
    """

    def __init__(self, features: torch.Tensor, count: int, seed: int, advance: Advance = unwatched) -> None:
        height, width, channels = features.shape
        points = features.reshape(-1, channels).cpu().numpy().astype(np.float64)
        self.labels = _kmeans(points, min(count, len(points)), seed, advance).reshape(height, width)
        """int64 [h, w]."""
        self._dilated = np.stack([binary_dilation(self.labels == cluster, np.ones((3, 3))) for cluster in range(self.labels.max() + 1)])

    def on_grid(self, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Carries the clusters up to a finer grid: labels int64 [h, w] and dilated membership bool [count, h, w]."""
        rows, cols = nearest_cells(shape, (self.labels.shape[0], self.labels.shape[1]))
        return self.labels[np.ix_(rows, cols)], self._dilated[:, rows[:, None], cols[None]]


def _kmeans(points: NDArray[np.float64], count: int, seed: int, advance: Advance) -> NDArray[np.int64]:
    """Lloyd's algorithm from k-means++ centers; float64, so that no order of additions decides a label. Labels int64 [n]."""
    rng = np.random.default_rng(seed)
    centers = points[[rng.integers(len(points))]]
    while len(centers) < count:
        distance = cdist(points, centers, "sqeuclidean").min(1)
        if distance.sum() <= 0:
            break
        centers = np.concatenate([centers, points[[rng.choice(len(points), p=distance / distance.sum())]]])
    labels = cdist(points, centers, "sqeuclidean").argmin(1)
    for done in range(_KMEANS_ROUNDS):
        advance(done / _KMEANS_ROUNDS)
        for cluster in np.unique(labels):
            centers[cluster] = points[labels == cluster].mean(0)
        new = cdist(points, centers, "sqeuclidean").argmin(1)
        if np.array_equal(new, labels):
            break
        labels = new
    return labels


def nonlocal_graph(
    colors: torch.Tensor, valid: NDArray[np.bool_], clusters: Clusters, *, neighbors: int, weight: float, advance: Advance = unwatched
) -> Graph | None:
    """Ties every position to near colors in its own cluster.

    The weight of a tie from p to q is (weight / neighbors) * exp(1 - ||s_p - s_q||^2 / 3); ties in both directions add up.

    The near colors are the nearest ones in a window along two curves that fill color space (Morton's order, and the same after a
    shift): five in six are among the exact k nearest, and the others are hardly farther (ours). Positions of equal color stand along
    the curve in an order without pattern: in flat areas they are tied all over the cluster, not to whichever comes first.

    Args:
        colors: float32 [h, w, 3], scaled Lab.
        valid: bool [h, w]; transparent positions are left out.
        clusters: of the same image.
        neighbors: k.
        weight: lambda_nl; 0 means no graph.
        advance: called between the steps of the work.

    Returns:
        The graph over h * w flat positions, or None if it has no edge.
    """
    if weight == 0:
        return None
    shape = (valid.shape[0], valid.shape[1])
    labels, members = (torch.from_numpy(array).to(colors.device) for array in clusters.on_grid(shape))
    members &= torch.from_numpy(valid).to(colors.device)
    cluster, position = members.flatten(1).nonzero().unbind(1)
    entries = colors.reshape(-1, 3)[position]
    own = labels.flatten()[position] == cluster
    keys = []
    for shift in _SHIFTS:
        keys.append(_curve_key(entries, cluster, position, shift))
        advance(0.1 * len(keys))
    build = nonlocal_graph_cpu.ties if colors.device.type == "cpu" else nonlocal_graph_torch.ties
    graph = build(entries, cluster, position, own, keys, neighbors, max(_WINDOW, neighbors), weight / neighbors, shape, part(advance, 0.2, 1.0))
    return graph if graph.neighbors.numel() else None


def _curve_key(colors: torch.Tensor, cluster: torch.Tensor, position: torch.Tensor, shift: float) -> torch.Tensor:
    """int64 [n], all different: by cluster, then along the curve, then without pattern."""
    bits, values = torch.arange(_CURVE_BITS, device=colors.device), torch.arange(1 << _CURVE_BITS, device=colors.device)
    spread = (((values[:, None] >> bits) & 1) << (3 * bits)).sum(1)
    cells = ((colors.T + shift) * ((1 << _CURVE_BITS) / _CURVE_SPAN)).clamp(0, (1 << _CURVE_BITS) - 1).int()
    along = spread[cells[0]] | (spread[cells[1]] << 1) | (spread[cells[2]] << 2)
    scattered = (position * _SCATTER) & ((1 << _POSITION_BITS) - 1)
    return (((cluster << (3 * _CURVE_BITS)) | along) << _POSITION_BITS) | scattered
