"""VGG features as the network gives them, and the parts of the network between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..runtime.progress import Advance, unwatched
from .network import blocks
from .pyramid import COARSEST, MEAN, STD


class LevelNetwork:
    """The network cut at the taps relu1_1 .. relu5_1.

    Args:
        weights: ``features.N.weight`` / ``features.N.bias`` as torchvision names them, float32.
        backbone: "VGG-16" or "VGG-19".
        device: where the network runs.
    """

    def __init__(self, weights: dict[str, torch.Tensor], backbone: str, device: torch.device) -> None:
        layout: dict[str, Any] = {"device": device, "memory_format": torch.channels_last}
        self._blocks = [block.to(**layout).eval().requires_grad_(False) for block in blocks(weights, backbone)]
        self._mean, self._std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))

    def __call__(self, image: torch.Tensor, advance: Advance = unwatched) -> dict[int, torch.Tensor]:
        """Computes the features of all levels.

        Args:
            image: float32 [H, W, 3], sRGB-encoded, [0, 1]; both sides at least 16.
            advance: called after every level.

        Returns:
            level -> float32 [1, C, h, w], not scaled, channels last.
        """
        out: dict[int, torch.Tensor] = {}
        x = ((image.permute(2, 0, 1)[None] - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            for level, block in enumerate(self._blocks, 1):
                x = out[level] = block(x)
                advance(level / COARSEST)
        return out

    def between(self, level: int) -> nn.Sequential:
        """The part of the network that turns the features of ``level - 1`` into those of ``level``, float32 [1, C, h, w] each."""
        return self._blocks[level - 1]
