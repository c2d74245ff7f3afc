"""Gives back differences of color that a recoloring has lost: what the source tells apart stays told apart (ours).

Votes are averages, so a red roof and the brown wood around it can come out alike. The differences between neighboring pixels are compared with
those of a picture that has kept them, the source in the look of the reference: where less is left, the lost part is added, and the picture that
has these differences and stays near the recolored one is found by a screened Poisson equation [1]_.

References:
    .. [1] P. Bhat, C. L. Zitnick, M. Cohen, B. Curless, "GradientShop: A gradient-domain optimization framework for image and video filtering",
       ACM Transactions on Graphics 29(2), 2010.
"""

from __future__ import annotations

import math

import torch

_SCREENING = 0.008  # weight of the recolored colors against differences: what is given back spreads over about 11 px


def separate(recolored: torch.Tensor, kept: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Restores lost differences between neighbors.

    Args:
        recolored: float32 [h, w, 3], a picture whose channels weigh equally in a difference of colors, such as CIE Lab.
        kept: float32 [h, w, 3], the same picture with its differences.
        amount: float32 [h, w], [0, 1], how much of what is lost is given back at each pixel.

    Returns:
        float32 [h, w, 3]; ``recolored`` itself where nothing is lost.

    Example:
        >>> edge = torch.zeros(8, 8, 3)
        >>> edge[:, 4:] = 0.2
        >>> gray = torch.full((8, 8, 3), 0.5)
        >>> found = separate(gray, edge, torch.ones(8, 8))
        >>> bool((found[:, 4] - found[:, 3]).min() > 0.15)
        True
    """
    across = _target(recolored.diff(dim=1), kept.diff(dim=1), amount[:, 1:])
    down = _target(recolored.diff(dim=0), kept.diff(dim=0), amount[1:])
    divergence = torch.zeros_like(recolored)
    divergence[:, :-1] += across
    divergence[:, 1:] -= across
    divergence[:-1] += down
    divergence[1:] -= down
    return _solve(_SCREENING * recolored - divergence)


def _target(present: torch.Tensor, wanted: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """The differences to reach: the present ones, and where they are smaller than those wanted, a part of the way to these."""
    missing = (1.0 - present.norm(dim=-1) / (wanted.norm(dim=-1) + 1e-8)).clamp(0.0, 1.0) * amount
    return present + missing[..., None] * (wanted - present)


def _solve(right: torch.Tensor) -> torch.Tensor:
    """Solves (screening - Laplacian) x = right with free borders, exactly, by a cosine transform (an even extension and a Fourier transform)."""
    height, width = right.shape[:2]
    mirrored = torch.cat([right, right.flip(0)], 0)
    mirrored = torch.cat([mirrored, mirrored.flip(1)], 1)
    row, column = (torch.arange(n, device=right.device, dtype=torch.float32) for n in (2 * height, width + 1))
    eigenvalues = _SCREENING + (2.0 - 2.0 * torch.cos(math.pi * row / height))[:, None] + (2.0 - 2.0 * torch.cos(math.pi * column / width))
    spectrum = torch.fft.rfft2(mirrored.permute(2, 0, 1)) / eigenvalues
    return torch.fft.irfft2(spectrum, s=(2 * height, 2 * width))[:, :height, :width].permute(1, 2, 0).contiguous()
