"""VGG-16 and VGG-19 as torch modules, up to relu5_1."""

from __future__ import annotations

import torch
from torch import nn

from . import vgg


def blocks(weights: dict[str, torch.Tensor], backbone: str) -> list[nn.Sequential]:
    """The layers of the network, cut behind relu1_1, relu2_1 ... relu5_1.

    Args:
        weights: ``features.N.weight`` (float32 [out, in, 3, 3]) and ``features.N.bias`` (float32 [out]) as torchvision names them. They are
            used as they are, not copied.
        backbone: "VGG-16" or "VGG-19".

    Returns:
        Five modules; one after the other they map float [1, 3, H, W] to the five taps.
    """
    cut: list[list[nn.Module]] = [[]]
    for convolution in vgg.convolutions(backbone):
        if convolution.first and convolution.block > 1:
            cut[-1].append(nn.MaxPool2d(2))
        with torch.device("meta"):
            layer = nn.Conv2d(convolution.inputs, convolution.outputs, 3, padding=1)
        layer.load_state_dict({name: weights[f"{convolution.name}.{name}"] for name in ("weight", "bias")}, assign=True)
        cut[-1] += [layer, nn.ReLU(inplace=True)]
        if convolution.first:
            if convolution.block == len(vgg.BACKBONES[backbone]):
                break
            cut.append([])
    return [nn.Sequential(*layers) for layers in cut]
