"""Regions that keep their colors -> how far each place keeps its own (ours)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..pixels.grids import nearest_cells
from ..pixels.guided_filter import along_edges
from .types import Guide, Protect

_MARGIN = 1  # cells around a region that keep all of their color: pixels between cells of the working grid are interpolated


def protected(guides: Sequence[Guide]) -> NDArray[np.bool_] | None:
    """The pixels that keep their colors, bool [H, W] at the source's size; None if no guide protects any.

    Args:
        guides: as :func:`nct_core.guides.check.checked` returns them.
    """
    masks = [guide.mask > 0.5 for guide in guides if isinstance(guide, Protect)]
    return np.logical_or.reduce(masks) if masks else None


def softened(kept: NDArray[np.bool_], lightness: torch.Tensor) -> torch.Tensor:
    """How far each place of the working grid keeps its color: wholly in the region, less and less around it, and not beyond an edge.

    Args:
        kept: bool [H, W] from :func:`protected`.
        lightness: float32 [h, w], [0, 1], of the source on its working grid.

    Returns:
        float32 [h, w], [0, 1], on the device of the lightness.
    """
    rows, columns = nearest_cells((lightness.shape[0], lightness.shape[1]), (kept.shape[0], kept.shape[1]))
    inside = torch.from_numpy(kept[np.ix_(rows, columns)]).float().to(lightness.device)[None]
    inside = F.max_pool2d(inside, 2 * _MARGIN + 1, 1, _MARGIN)
    # The filter gives one half at a border without an edge.
    return torch.maximum(inside, 2.0 * along_edges(inside, lightness)).clamp(0.0, 1.0)[0]
