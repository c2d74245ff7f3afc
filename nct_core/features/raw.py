"""VGG features as the network gives them, and the parts of the network between them."""

from __future__ import annotations

import torch
from torch import nn

from ..runtime.progress import Advance, unwatched
from .pyramid import COARSEST, FeaturePyramid


class LevelNetwork:
    """The network cut at the taps relu1_1 .. relu5_1.

    Args:
        network: an exact one, whose layers have gradients: :func:`nct_core.features.installed.installed` with ``exact``.
    """

    def __init__(self, network: FeaturePyramid) -> None:
        self._network = network

    def __call__(self, image: torch.Tensor, advance: Advance = unwatched) -> dict[int, torch.Tensor]:
        """Computes the features of all levels.

        Args:
            image: float32 [H, W, 3], sRGB-encoded, [0, 1]; both sides at least 16.
            advance: called after every level.

        Returns:
            level -> float32 [1, C, h, w], not scaled, channels last.
        """
        out: dict[int, torch.Tensor] = {}
        x = self._network.normalized(image)
        with torch.no_grad():
            for level, block in enumerate(self._network.blocks, 1):
                x = out[level] = block(x)
                advance(level / COARSEST)
        return out

    def between(self, level: int) -> nn.Sequential:
        """The part of the network that turns the features of ``level - 1`` into those of ``level``, float32 [1, C, h, w] each."""
        return self._network.blocks[level - 1]
