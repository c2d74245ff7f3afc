"""Color-coded maps -> the labels that two maps share (ours; the format is Deep Photo Style Transfer's)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

LEAST_SHARE = 0.005
"""Share of its map that a color needs to count as a label: between two labels, scaling and JPEG make other colors."""


def read_labels(image: NDArray[Any]) -> NDArray[np.int64]:
    """Turns a map into whole numbers, the same for the same label in every map.

    Args:
        image: uint8 [H, W, 3], each channel read as 0, 128 or 255, whichever is nearest; or integers [H, W], which are the labels.

    Returns:
        int64 [H, W]. Colors of too few pixels give way to the nearest label.

    Example:
        >>> image = np.zeros((20, 20, 3), np.uint8)
        >>> image[:, 10:] = (250, 4, 0)
        >>> np.unique(read_labels(image)).tolist()
        [0, 18]
    """
    labels = image.astype(np.int64) if image.ndim == 2 else ((image.astype(np.int64) * 2 + 127) // 255) @ np.array([9, 3, 1])
    found, counts = np.unique(labels, return_counts=True)
    rare = np.isin(labels, found[counts < LEAST_SHARE * labels.size])
    if rare.any() and not rare.all():
        nearest = distance_transform_edt(rare, return_distances=False, return_indices=True)
        labels = labels[tuple(nearest)]
    return labels
