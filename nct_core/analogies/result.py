"""The result of an analogy (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..matching.field import to_pixels


@dataclass(frozen=True)
class AnalogyResult:
    """The result of an analogy.

    Attributes:
        image: A', float32 [H, W, C] like the source, sRGB-encoded: the source in the style's texture and colors.
        back: B, float32 [H', W', C'] like the style: the style in the source's.
        forward: int32 [h, w, 2], the field of the finest level at working size, source to style (see :mod:`nct_core.matching.field`).
        backward: int32 [h', w', 2], style to source.
        backbone: "VGG-16" or "VGG-19".
        device: the device that computed it, in words.
        seconds: wall time.
    """

    image: NDArray[np.float32]
    back: NDArray[np.float32]
    forward: NDArray[np.int32]
    backward: NDArray[np.int32]
    backbone: str
    device: str
    seconds: float

    @property
    def correspondences(self) -> NDArray[np.float32]:
        """float32 [H, W, 2]: for every source pixel the (row, column) of its match, in pixels of the style."""
        return to_pixels(self.forward, self.backward.shape[:2], self.image.shape[:2], self.back.shape[:2])

    @property
    def back_correspondences(self) -> NDArray[np.float32]:
        """float32 [H', W', 2]: for every pixel of the style the (row, column) of its match, in pixels of the source."""
        return to_pixels(self.backward, self.forward.shape[:2], self.back.shape[:2], self.image.shape[:2])
