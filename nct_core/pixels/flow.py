"""Where things of one frame of a film were in the frame before: optical flow by OpenCV's DIS [1]_.

References:
    .. [1] T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.errors import InputError

_SMALLEST = 16  # px; DIS needs room for its patches


def check_installed() -> None:
    """Makes sure that OpenCV is there.

    Raises:
        InputError: it is not; the message says how to install it.
    """
    if importlib.util.find_spec("cv2") is None:
        raise InputError(f"expected OpenCV for frames, it is not installed; run: {sys.executable} -m pip install opencv-python-headless")


def flow(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """For each pixel of a frame the way to the same thing in the frame before.

    Args:
        now: float32 [h, w], lightness in [0, 1].
        before: the same of the frame before.

    Returns:
        float32 [h, w, 2] on the CPU, (rows, columns) in pixels; zero where the frames are smaller than 16 px.

    Example:
        >>> import torch
        >>> ramp = torch.sin(torch.arange(96.0) / 5)[None] * torch.sin(torch.arange(64.0) / 4)[:, None] / 2 + 0.5
        >>> moved = flow(ramp.roll(2, 1), ramp)[20:40, 20:70]
        >>> bool((moved[..., 1] + 2).abs().mean() < 0.2)
        True
    """
    if min(now.shape) < _SMALLEST:
        return torch.zeros(*now.shape, 2)
    cv2: Any = importlib.import_module("cv2")  # not installed everywhere
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found: NDArray[np.float32] = search.calc(_bytes(now), _bytes(before), None)
    return torch.from_numpy(np.ascontiguousarray(found[..., ::-1]))


def carried(plane: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
    """Reads [h, w, C] of the frame before where each pixel of the frame was (bilinear, edges repeated)."""
    height, width = plane.shape[:2]
    rows, columns = torch.meshgrid(torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32), indexing="ij")
    places = torch.stack([(columns + way[..., 1]) * 2.0 / max(width - 1, 1) - 1.0, (rows + way[..., 0]) * 2.0 / max(height - 1, 1) - 1.0], -1)
    read = torch.nn.functional.grid_sample(plane.permute(2, 0, 1)[None], places[None], mode="bilinear", padding_mode="border", align_corners=True)
    return read[0].permute(1, 2, 0).contiguous()


def _bytes(lightness: torch.Tensor) -> NDArray[np.uint8]:
    return (lightness.cpu() * 255.0).round().clamp(0, 255).byte().numpy()
