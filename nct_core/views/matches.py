"""Draws the matches of a transfer: the references' pixels at the positions of the source's pixels (ours)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..result import TransferResult


def matched_pixels(result: TransferResult, references: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Replaces every pixel of the source by its match in the reference that colored it.

    Args:
        result: result of the transfer, of any size (see :meth:`nct_core.TransferResult.sized`).
        references: of the same transfer, at any size, float32 [h, w, 3], sRGB-encoded.

    Returns:
        uint8 [H, W, 3] of the result's size, sRGB-encoded.
    """
    labels = result.labels
    matched = np.zeros((*labels.shape, 3), np.float32)
    for number, (reference, match) in enumerate(zip(references, result.matches)):
        own = labels == number
        if own.any():
            at = result.correspondences_in(number)[own] * (np.array(reference.shape[:2], np.float32) / np.array(match.shape, np.float32))
            rows, columns = np.rint(at).astype(np.intp).T
            matched[own] = reference[rows.clip(0, reference.shape[0] - 1), columns.clip(0, reference.shape[1] - 1)]
    return np.rint(matched.clip(0, 1) * 255).astype(np.uint8)
