"""3x3 convolutions on the CPU by Winograd's minimal filtering, F(4x4, 3x3): 36 products for 16 outputs where the definition has 144 (ours).

An input tile of 6x6 pixels and the filter are taken to a space where the convolution is a product at each of 36 places. Over all tiles and channels
these are 36 products of matrices; the sums go back to 4x4 outputs (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016):

    y = A^T [ (G g G^T) * (B^T d B) ] A

oneDNN has this only for AVX-512. In float32 the result differs from a direct convolution by about 1e-5 of the largest output.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ...runtime import threads
from ...runtime.vectors import LANES
from .. import vgg
from ..first_layer_cpu import FirstConvolution
from .kernels_cpu import convolve_rows

_FILTER_TRANSFORM = np.array([[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]])
_TILE = 4
_LEAST_TILES = 48  # of a band of rows; each band reads all filters, which for 512 channels are 38 MB


class Convolution(nn.Module):
    """A 3x3 convolution with padding 1, ReLU, and max pooling 2x2 where wanted.

    Args:
        weight: float32 [N, C, 3, 3]; N and C are multiples of 16.
        bias: float32 [N].
        pools: whether a max pooling 2x2 follows.

    Example:
        >>> layer = Convolution(torch.zeros(16, 16, 3, 3), torch.ones(16), pools=True)
        >>> tuple(layer(torch.zeros(1, 16, 5, 8)).shape)
        (1, 16, 2, 4)
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, *, pools: bool) -> None:
        super().__init__()
        outputs, inputs = weight.shape[:2]
        # [tap, (block of outputs, input, output of the block)]: a block is a run of memory that a product of matrices reads from front to back.
        taps = weight.reshape(outputs // LANES, LANES, inputs, 9).permute(3, 0, 2, 1).reshape(9, -1)
        transform = torch.from_numpy(np.kron(_FILTER_TRANSFORM, _FILTER_TRANSFORM).astype(np.float32))
        self._filters = (transform @ taps).numpy()
        self._bias, self._pools = bias.numpy(), pools

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 [1, C, H, W] -> float32 [1, N, H, W], or [1, N, H // 2, W // 2] with pooling; both channels_last."""
        pixels = image[0].permute(1, 2, 0).contiguous().numpy()
        height, width, _ = pixels.shape
        shape = (height // 2, width // 2) if self._pools else (height, width)
        out = np.empty((*shape, len(self._bias)), np.float32)
        grain = -(-_LEAST_TILES * _TILE // width)
        threads.over_rows(convolve_rows, -(-height // _TILE), pixels, self._filters, self._bias, self._pools, out, grain=grain)
        return torch.from_numpy(out).permute(2, 0, 1)[None]


def blocks(weights: dict[str, torch.Tensor], backbone: str) -> list[nn.Sequential]:
    """The layers of VGG as :func:`nct_core.features.network.blocks` gives them, for float32 on the CPU."""
    first, *others = ((convolution, *_parameters(weights, convolution)) for convolution in vgg.convolutions(backbone))
    layers: list[list[nn.Module]] = [[FirstConvolution(*first[1:])], []]
    for (convolution, weight, bias), following in zip(others, [*others[1:], None]):
        layers[-1].append(Convolution(weight, bias, pools=following is not None and following[0].first))
        if convolution.first:
            if convolution.block == len(vgg.BACKBONES[backbone]):
                break
            layers.append([])
    return [nn.Sequential(*block) for block in layers]


def _parameters(weights: dict[str, torch.Tensor], convolution: vgg.Convolution) -> tuple[torch.Tensor, torch.Tensor]:
    return weights[f"{convolution.name}.weight"], weights[f"{convolution.name}.bias"]
