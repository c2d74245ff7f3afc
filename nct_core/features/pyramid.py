"""Images -> VGG feature pyramids (paper section 3.1): taps relu1_1 .. relu5_1, as whole numbers.

See :mod:`nct_core.features.fixed_point` for their scale.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ..pixels.resample import resize
from ..runtime.backend import OutOfMemory, on_cpu
from ..runtime.progress import Advance, unwatched
from . import network, winograd
from .fixed_point import fixed_point
from .kept import KeptFeatures

COARSEST = 5
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CPUs with matrix units for it (AMX), where the network then takes a quarter of the time; otherwise float32.

    Features of the two differ by a mean cosine of at least 0.9999 at every level (measured, VGG-16).
    """
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    held_back = torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")  # by ATEN_CPU_CAPABILITY, as the benchmark does
    return torch.bfloat16 if on_cpu(device) and tiles is not None and tiles() and not held_back else torch.float32


class FeaturePyramid:
    """The convolutional part of an ImageNet-trained VGG-16 or VGG-19 up to relu5_1.

    Attributes:
        blocks: the layers from one tap to the next, that of relu1_1 first.

    Args:
        weights: ``features.N.weight`` / ``features.N.bias`` as torchvision names them, float32.
        backbone: "VGG-16" or "VGG-19".
        device: where the network runs.
        exact: use float32 and direct convolutions even where half precision, TF32 or Winograd's convolutions are faster.
    """

    def __init__(self, weights: dict[str, torch.Tensor], backbone: str, device: torch.device, *, exact: bool = False) -> None:
        self.backbone, self.device = backbone, device
        self._exact, self._dtype = exact, torch.float32 if exact else _fast_dtype(device)
        layout: dict[str, Any] = {"device": device, "dtype": self._dtype, "memory_format": torch.channels_last}
        layers = winograd.blocks if on_cpu(device) and self._dtype is torch.float32 and not exact else network.blocks
        self.blocks = [block.to(**layout).eval().requires_grad_(False) for block in layers(weights, backbone)]
        self._mean = torch.tensor(_MEAN, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(_STD, device=device).view(1, 3, 1, 1)
        self._kept = KeptFeatures()

    def normalized(self, image: torch.Tensor) -> torch.Tensor:
        """What the first block takes: float32 [H, W, 3], sRGB-encoded, [0, 1] -> [1, 3, H, W], channels last."""
        x = (image.permute(2, 0, 1)[None] - self._mean) / self._std
        return x.to(self._dtype).contiguous(memory_format=torch.channels_last)

    def __call__(self, image: torch.Tensor, levels: range | list[int], advance: Advance = unwatched) -> dict[int, torch.Tensor]:
        """Computes the wanted levels in one pass that goes no deeper than the deepest of them.

        Args:
            image: float32 [H, W, 3], sRGB-encoded, [0, 1]; both sides at least 16.
            levels: out of 1 .. 5; level L has the grid (H >> (L - 1), W >> (L - 1)).
            advance: called after every layer.

        Returns:
            level -> int16 [h, w, C], contiguous, of length UNIT (the zero vector where every feature is zero).

        Raises:
            DeviceError: the device ran out of memory.
        """
        x = self.normalized(image)
        out = {}
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=not self._exact):
                used = self.blocks[: max(levels)]
                done, total = 0, sum(len(block) for block in used)
                for level, block in enumerate(used, 1):
                    for layer in block:
                        x = layer(x)
                        done += 1
                        advance(done / total)
                    if level in levels:
                        out[level] = fixed_point(x[0].permute(1, 2, 0)).contiguous()
        except torch.OutOfMemoryError as problem:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise OutOfMemory(f"expected room for the features of {size} px, but {self.device} is out of memory; use a smaller working size") from problem
        return out

    def kept(self, image: torch.Tensor, levels: range | list[int], advance: Advance = unwatched) -> dict[int, torch.Tensor]:
        """The same for a picture that may come again, whose features are kept on the CPU; a GPU computes them faster than it has memory to spare."""
        if not on_cpu(self.device):
            return self(image, levels, advance)
        return self._kept.get(image, levels, lambda: self(image, levels, advance))

    def forget_pictures(self) -> None:
        """Drops what :meth:`kept` keeps."""
        self._kept = KeptFeatures()

    def half_size(self, image: torch.Tensor, advance: Advance = unwatched) -> torch.Tensor:
        """relu5_1 of an image at half its size, kept as :meth:`kept` does.

        Args:
            image: float32 [H, W, 3], sRGB-encoded, [0, 1]; both sides at least 32.
            advance: called after every layer.

        Returns:
            int16 [h, w, C], of length UNIT.

        Raises:
            DeviceError: the device ran out of memory.
        """
        return self.kept(resize(image, (image.shape[0] // 2, image.shape[1] // 2)), [COARSEST], advance)[COARSEST]


def two_scales(coarsest: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """Describes the coarsest grid by relu5_1 of an image and of the image at half its size, in equal parts (ours).

    A cell is easier to recognize with more of the image around it, above all in skies and other featureless regions.

    Args:
        coarsest: int16 [h, w, C], relu5_1 of the image.
        half: int16 [h', w', C], from :meth:`FeaturePyramid.half_size`.

    Returns:
        int16 [h, w, 2 C], of length UNIT.
    """
    wide = F.interpolate(half.permute(2, 0, 1)[None].float(), size=coarsest.shape[:2], mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    return fixed_point(torch.cat([coarsest, fixed_point(wide)], -1))
