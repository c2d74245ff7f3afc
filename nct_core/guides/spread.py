"""A pin -> the object under it (ours).

The object is what can be reached from the point without crossing what differs from it: a geodesic distance on a small grid, in which a step
costs as much as the place that it enters differs from the pin's, in features (what it shows), and as the colors of the two places differ (an edge).
Several pins share the picture: a place belongs to the pin that reaches it most cheaply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from ..pixels.grids import Shape, fit_within
from ..pixels.guided_filter import along_edges
from ..pixels.resample import box_mean, resize
from ..pixels.working import WorkingImage

_CELLS = 88  # on the longer side of the grid of distances
# What a step costs: a little in any case, and by the differences of features (1 minus the correlation) and colors (scaled Lab) beyond those within objects.
_STEP, _FEATURES, _TOLERANCE, _COLORS, _TEXTURE = 0.002, 0.5, 0.8, 10.0, 0.03
_SHARES = (0.3, 0.4, 0.3)  # of the levels in a correlation
# The share of the distance over which the membership falls.
_WIDTH = 0.15
# How much cheaper than every other pin the nearest has to be, for a place to be wholly its.
_RIVALRY = 0.1


@dataclass(frozen=True)
class Scene:
    """An image at working size, with what tells its objects apart.

    Attributes:
        image: the image.
        features: relu3_1, relu4_1 and relu5_1, int16 [h, w, C] each.
    """

    image: WorkingImage
    features: tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def spread(scene: Scene, points: Sequence[tuple[float, float]], reach: float) -> torch.Tensor:
    """Finds the objects under points.

    Args:
        scene: the image.
        points: (row, column), each as a share of the image's height and width, [0, 1].
        reach: the distance at which a place belongs to the object by half.

    Returns:
        float32 [n, h, w] on the working grid, [0, 1], how far each place belongs to the object of each point; at most 1 in sum.
    """
    grid = fit_within(scene.image.shape, _CELLS)
    colors = box_mean(resize(scene.image.lab, grid).permute(2, 0, 1), 1).permute(1, 2, 0).cpu().numpy()  # edges of objects outlast this, most textures do not
    features = _described(scene, grid)
    seeds = [tuple(min(n - 1, int(share * n)) for share, n in zip(point, grid)) for point in points]
    distances = np.stack([_distances(features, colors, seed) for seed in seeds])
    members = 1.0 / (1.0 + np.exp((distances / reach - 1.0) / _WIDTH))
    others = np.stack([np.delete(distances, i, 0).min(0, initial=np.inf) for i in range(len(points))])
    members *= np.clip(0.5 + (others - distances) / _RIVALRY, 0.0, 1.0)
    planes = torch.from_numpy(members.astype(np.float32)).to(scene.image.lab.device)
    return along_edges(planes, scene.image.lab[..., 0].contiguous())


def around(scene: Scene, points: Sequence[tuple[float, float]], radius: float) -> torch.Tensor:
    """Discs around points, float32 [n, h, w] on the working grid, 0 or 1.

    Args:
        scene: the image.
        points: as for :func:`spread`.
        radius: as a share of the longer side.
    """
    height, width = scene.image.shape
    rows, columns = torch.arange(height)[:, None] + 0.5, torch.arange(width) + 0.5
    reach = max(1.0, radius * max(height, width))
    discs = [((rows - row * height) ** 2 + (columns - column * width) ** 2 <= reach**2).float() for row, column in points]
    return torch.stack(discs).to(scene.image.lab.device)


def _described(scene: Scene, grid: Shape) -> NDArray[np.float32]:
    """Unit vectors of all levels without what all places share, so that their products are correlations: float32 [*grid, C]."""
    parts = []
    for features, share in zip(scene.features, _SHARES):
        vectors = features.float()
        vectors = vectors - vectors.mean((0, 1))
        vectors = resize(vectors, grid)
        parts.append(share**0.5 * vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-6))
    return torch.cat(parts, -1).cpu().numpy()


def _distances(features: NDArray[np.float32], colors: NDArray[np.float32], seed: tuple[int, ...]) -> NDArray[np.float64]:
    """The geodesic distance of every cell from the seed, float64 [h, w]."""
    height, width = colors.shape[:2]
    around = tuple(slice(max(0, at - 1), at + 2) for at in seed)
    own = features[around].mean((0, 1))
    unlike = np.maximum(0.0, 1.0 - features @ (own / max(1e-6, float(np.linalg.norm(own)))) - _TOLERANCE)
    index = np.arange(height * width).reshape(height, width)
    starts, ends, costs = [], [], []
    for axis in (0, 1):
        edge = _COLORS * np.maximum(0.0, np.linalg.norm(np.diff(colors, axis=axis), axis=-1) - _TEXTURE)
        first, second = (np.take(index, np.arange(n, index.shape[axis] - 1 + n), axis).ravel() for n in (0, 1))
        for start, end in ((first, second), (second, first)):
            starts.append(start)
            ends.append(end)
            costs.append(_STEP + edge.ravel() + _FEATURES * unlike.ravel()[end])
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), shape=(index.size, index.size)).tocsr()
    return dijkstra(graph, indices=int(index[seed])).reshape(height, width)
