"""The first convolution of VGG, 3x3 over three channels, with ReLU, compiled for the CPU.

Three channels are too few for Winograd's transforms to pay and for oneDNN to fill its vectors. Channels are last, so the nine numbers of a row of
the filter lie side by side in the image, and the convolution is a product of matrices without any rearrangement.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import nn

from ..runtime import threads
from ..runtime.compiled import compiled
from ..runtime.vectors import LANES, filled, larger, load, load_everywhere, store

_PIXELS = 6  # whose sums fill 12 of AVX2's 16 registers
_CHANNELS, _TAPS = 3, 9  # of the image, and of a row of the filter


class FirstConvolution(nn.Module):
    """A 3x3 convolution of three channels with padding 1, and ReLU.

    Args:
        weight: float32 [N, 3, 3, 3]; N is a multiple of 16.
        bias: float32 [N].

    Example:
        >>> tuple(FirstConvolution(torch.zeros(16, 3, 3, 3), torch.ones(16))(torch.zeros(1, 3, 5, 8)).shape)
        (1, 16, 5, 8)
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        # [block of outputs, row, column and input, output of the block]
        self._filters = weight.reshape(-1, LANES, _CHANNELS, 3, 3).permute(0, 3, 4, 2, 1).reshape(-1, 3, _TAPS, LANES).contiguous().numpy()
        self._bias = bias.numpy()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 [1, 3, H, W] -> float32 [1, N, H, W], channels_last."""
        padded = F.pad(image[0].permute(1, 2, 0), (0, 0, 1, _PIXELS, 1, 1)).contiguous().numpy()
        out = np.empty((image.shape[2], image.shape[3], len(self._bias)), np.float32)
        threads.over_rows(_convolve_rows, out.shape[0], padded, self._filters, self._bias, out, grain=8)
        return torch.from_numpy(out).permute(2, 0, 1)[None]


@compiled(error_model="numpy")
def _convolve_rows(first, last, padded, filters, bias, out):
    """padded [H + 2, W + 7, 3], filters [N / 16, 3, 9, 16], bias [N], out [H, W, N]; all float32, contiguous."""
    width, outputs = out.shape[1], out.shape[2]
    line = padded.shape[1] * _CHANNELS
    for row in range(first, last):
        for col in range(0, width, _PIXELS):
            for block in range(outputs // LANES):
                s0 = s1 = s2 = s3 = s4 = s5 = load(bias, block * LANES)
                for i in range(3):
                    at, weights = (row + i) * line + col * _CHANNELS, (block * 3 + i) * _TAPS * LANES
                    for k in range(_TAPS):
                        weight = load(filters, weights + k * LANES)
                        s0 = s0 + load_everywhere(padded, at + k) * weight
                        s1 = s1 + load_everywhere(padded, at + 3 + k) * weight
                        s2 = s2 + load_everywhere(padded, at + 6 + k) * weight
                        s3 = s3 + load_everywhere(padded, at + 9 + k) * weight
                        s4 = s4 + load_everywhere(padded, at + 12 + k) * weight
                        s5 = s5 + load_everywhere(padded, at + 15 + k) * weight
                to, inside = (row * width + col) * outputs + block * LANES, width - col
                _store(out, to, inside > 0, s0)
                _store(out, to + outputs, inside > 1, s1)
                _store(out, to + 2 * outputs, inside > 2, s2)
                _store(out, to + 3 * outputs, inside > 3, s3)
                _store(out, to + 4 * outputs, inside > 4, s4)
                _store(out, to + 5 * outputs, inside > 5, s5)


@njit
def _store(out, to, wanted, values):
    if wanted:
        store(out, to, larger(values, filled(np.float32(0))))
