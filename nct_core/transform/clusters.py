"""Clusters of the source's features: nonlocal ties exist only within a cluster (paper section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial.distance import cdist

from ..pixels.grids import Shape, on_grid
from ..runtime.progress import Advance, unwatched

_KMEANS_ROUNDS = 50


class Clusters:
    """k-means clusters of the coarsest source features, each dilated by one cell.

    Args:
        features: int16 [h, w, C], relu5_1 of the source.
        count: number of centers; fewer where there are fewer positions.
        seed: seed for the choice of the first centers.
        advance: called between rounds.
    """

    def __init__(self, features: torch.Tensor, count: int, seed: int, advance: Advance = unwatched) -> None:
        height, width, channels = features.shape
        points = features.reshape(-1, channels).cpu().numpy().astype(np.float64)
        labels = _kmeans(points, min(count, len(points)), seed, advance).reshape(height, width)
        dilated = np.stack([binary_dilation(labels == cluster, np.ones((3, 3))) for cluster in range(labels.max() + 1)], -1)
        self.labels = torch.from_numpy(labels).to(features.device)
        """int64 [h, w], on the device of the features."""
        self._dilated = torch.from_numpy(dilated).to(features.device)

    def on_grid(self, shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
        """Carries the clusters up to a finer grid: labels int64 [h, w] and dilated membership bool [count, h, w]."""
        return on_grid(self.labels, shape), on_grid(self._dilated, shape).permute(2, 0, 1)


def _kmeans(points: NDArray[np.float64], count: int, seed: int, advance: Advance) -> NDArray[np.int64]:
    """Lloyd's algorithm from k-means++ centers; in float64, so that the order of additions decides no label. Labels int64 [n]."""
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
