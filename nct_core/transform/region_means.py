"""Moves the mean colors of regions toward those of their counterparts (ours).

Matches give each place a color out of the region that the user has paired with its own, but not each color of that region as often as it occurs there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Regions:
    """Regions of the source and what the user has paired them with.

    Attributes:
        shares: float32 [h, w, K], [0, 1], how far each place belongs to each region; at most 1 in sum.
        means: float32 [K, 3], the mean colors of their counterparts, in scaled Lab.
    """

    shares: torch.Tensor
    means: torch.Tensor


def move_region_means(colors: torch.Tensor, regions: Regions, amount: float) -> torch.Tensor:
    """Shifts each region as a whole; soft borders are shifted by their shares.

    Args:
        colors: float32 [h, w, 3], scaled Lab.
        regions: the regions, on the same device.
        amount: of the way between the means, [0, 1].

    Returns:
        float32 [h, w, 3].

    Example:
        >>> left = torch.zeros(4, 8, 1)
        >>> left[:, :4] = 1.0
        >>> moved = move_region_means(torch.zeros(4, 8, 3), Regions(left, torch.ones(1, 3)), 0.5)
        >>> moved[0, :, 0].tolist()
        [0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    """
    shares = regions.shares.flatten(0, 1).double()
    means = (shares.T @ colors.flatten(0, 1).double()) / shares.sum(0)[:, None].clamp_min(1e-6)
    return colors + (shares @ (amount * (regions.means.double() - means))).float().reshape(colors.shape)
