"""Turns the label map of a transfer into one mask for each reference, at the size of the image (ours).

Labels are found at working size. Enlarged cell by cell, their boundaries would look like stairs. So each label's area
is carried to the image's size as the transform is: along the image's edges, and softly where there are none.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..transform.apply import ColorTransform


def part_masks(labels: NDArray[np.uint8], transform: ColorTransform, image: NDArray[np.float32]) -> dict[int, NDArray[np.uint8]]:
    """Makes the mask of each reference.

    Args:
        labels: uint8 [h, w] on the transform's grid, the reference of every position.
        transform: transform of the same transfer.
        image: float32 [H, W, C], sRGB-encoded, the source at any size.

    Returns:
        For each reference that occurs in the labels uint8 [H, W], 255 where it alone colors the image; at every pixel
        the masks add up to 255.
    """
    used = np.unique(labels).tolist()
    masks = {number: np.empty(image.shape[:2], np.uint8) for number in used}
    areas = torch.from_numpy(np.stack([labels == number for number in used]).astype(np.float32))
    for band, parts in transform.carry(areas.to(transform.coefficients.device), image):
        parts = parts.clamp_min(0)
        # Sums are rounded instead of parts, so that the rounded parts add up too.
        upto = torch.round((parts / parts.sum(0)).cumsum(0).clamp_max(1) * 255).to(torch.uint8).cpu().numpy()
        upto[-1] = 255
        for mask, part in zip(masks.values(), np.diff(upto, axis=0, prepend=np.uint8(0))):
            mask[band] = part
    return masks
