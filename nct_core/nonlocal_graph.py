"""The nonlocal term's graph: ties between similarly coloured positions of one feature cluster (paper section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from . import threads
from .nnf import nearest_cells
from .solvers import Graph

_KMEANS_ROUNDS = 50
# Equal colours are told apart by less than a thousandth of the range: positions in flat areas then tie to positions all over their
# cluster instead of to whichever comes first, and the search tree stays balanced.
_JITTER = 2.5e-4


class Clusters:
    """k-means clusters of the coarsest source features, each dilated by one cell.

    Args:
        features: float32 [h, w, C], unit vectors (relu5_1 of the source).
        count: number of centres; fewer where there are fewer positions.
        seed: of the choice of the first centres.
    """

    def __init__(self, features: torch.Tensor, count: int, seed: int) -> None:
        height, width, channels = features.shape
        points = features.reshape(-1, channels).cpu().numpy().astype(np.float64)
        self.labels = _kmeans(points, min(count, len(points)), seed).reshape(height, width)
        """int64 [h, w]."""
        self._dilated = np.stack([binary_dilation(self.labels == cluster, np.ones((3, 3))) for cluster in range(self.labels.max() + 1)])

    def on_grid(self, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Carries the clusters up to a finer grid: labels int64 [h, w] and dilated membership bool [count, h, w]."""
        rows, cols = nearest_cells(shape, (self.labels.shape[0], self.labels.shape[1]))
        return self.labels[np.ix_(rows, cols)], self._dilated[:, rows[:, None], cols[None]]


def _kmeans(points: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int64]:
    """Lloyd's algorithm from k-means++ centres; float64, so that no order of additions decides a label. Labels int64 [n]."""
    rng = np.random.default_rng(seed)
    centers = points[[rng.integers(len(points))]]
    while len(centers) < count:
        distance = cdist(points, centers, "sqeuclidean").min(1)
        if distance.sum() <= 0:
            break
        centers = np.concatenate([centers, points[[rng.choice(len(points), p=distance / distance.sum())]]])
    labels = cdist(points, centers, "sqeuclidean").argmin(1)
    for _ in range(_KMEANS_ROUNDS):
        for cluster in np.unique(labels):
            centers[cluster] = points[labels == cluster].mean(0)
        new = cdist(points, centers, "sqeuclidean").argmin(1)
        if np.array_equal(new, labels):
            break
        labels = new
    return labels


def nonlocal_graph(colors: torch.Tensor, valid: NDArray[np.bool_], clusters: Clusters, *, neighbours: int, weight: float) -> Graph | None:
    """Ties every position to its nearest colours in its own cluster.

    The weight of a tie from p to q is (weight / neighbours) * exp(1 - ||s_p - s_q||^2 / 3); ties in both directions add up.

    Args:
        colors: float32 [h, w, 3], scaled Lab.
        valid: bool [h, w]; transparent positions are left out.
        clusters: of the same image.
        neighbours: k.
        weight: lambda_nl; 0 means no graph.

    Returns:
        The graph over h * w flat positions, or None if it has no edge.
    """
    if weight == 0:
        return None
    shape = valid.shape
    labels, members = clusters.on_grid(shape)
    flat = colors.reshape(-1, 3).cpu().numpy()
    noise = np.random.default_rng(0).uniform(-_JITTER, _JITTER, flat.shape).astype(np.float32)
    jittered = flat + noise
    heads, tails = [], []
    for cluster in range(members.shape[0]):
        candidates = np.flatnonzero(members[cluster] & valid)
        queries = np.flatnonzero((labels == cluster) & valid)
        if len(queries) == 0 or len(candidates) < 2:
            continue
        found = cKDTree(jittered[candidates]).query(jittered[queries], k=min(neighbours + 1, len(candidates)), workers=threads.count())[1]
        head, tail = np.repeat(queries, found.shape[1]), candidates[found.ravel()]
        keep = head != tail
        heads.append(head[keep])
        tails.append(tail[keep])
    if not heads:
        return None
    head, tail = np.concatenate(heads), np.concatenate(tails)
    strength = (weight / neighbours) * np.exp(1.0 - np.square(flat[head] - flat[tail]).sum(1) / 3.0)
    both = np.concatenate([head, tail])
    order = np.argsort(both, kind="stable")
    starts = np.zeros(flat.shape[0] + 1, np.int32)
    np.cumsum(np.bincount(both, minlength=flat.shape[0]), out=starts[1:])
    device = colors.device
    return Graph(
        torch.from_numpy(starts).to(device),
        torch.from_numpy(np.concatenate([tail, head])[order].astype(np.int32)).to(device),
        torch.from_numpy(np.concatenate([strength, strength])[order].astype(np.float32)).to(device),
    )
