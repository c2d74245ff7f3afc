"""The table of VGG's layers (Simonyan and Zisserman, 2015), the only place that defines VGG-16 and VGG-19."""

from __future__ import annotations

from dataclasses import dataclass

BACKBONES = {"VGG-16": (2, 2, 3, 3, 3), "VGG-19": (2, 2, 4, 4, 4)}
"""Number of convolutions in each of the five blocks, by the name of the network. A ReLU follows each convolution, and a max pooling follows each block."""
_OUTPUTS = (64, 128, 256, 512, 512)


@dataclass(frozen=True)
class Convolution:
    """A 3x3 convolution with padding 1.

    Attributes:
        name: name of its parameters in torchvision: "features.0", "features.2" and so on.
        block: 1 to 5.
        first: whether it is the first of its block.
        inputs, outputs: channels.
    """

    name: str
    block: int
    first: bool
    inputs: int
    outputs: int


def convolutions(backbone: str) -> list[Convolution]:
    """The convolutions of a backbone in their order.

    Example:
        >>> [convolution.name for convolution in convolutions("VGG-16")][:3]
        ['features.0', 'features.2', 'features.5']
    """
    found: list[Convolution] = []
    layer, inputs = 0, 3
    for block, (count, outputs) in enumerate(zip(BACKBONES[backbone], _OUTPUTS), 1):
        for number in range(count):
            found.append(Convolution(f"features.{layer}", block, number == 0, inputs, outputs))
            layer, inputs = layer + 2, outputs  # the convolution and its ReLU
        layer += 1  # the pooling
    return found
