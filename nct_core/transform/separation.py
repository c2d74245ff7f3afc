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

import scipy.fft
import torch

from ..pixels.resample import box_mean
from ..runtime import threads
from ..runtime.backend import on_cpu

_SMOOTHING_RADIUS = 5  # reversals are told from differences between averages of this reach
_REVERSAL = 4.0  # a quarter of a difference, with the opposite sign, counts as reversed
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
    smooth_recolored, smooth_kept = (box_mean(picture.permute(2, 0, 1), _SMOOTHING_RADIUS).permute(1, 2, 0) for picture in (recolored, kept))
    across, down = (
        _target(recolored.diff(dim=axis), kept.diff(dim=axis), amount * _not_reversed(smooth_recolored.diff(dim=axis), smooth_kept.diff(dim=axis)))
        for axis, amount in ((1, amount[:, 1:]), (0, amount[1:]))
    )
    divergence = torch.zeros_like(recolored)
    divergence[:, :-1] += across
    divergence[:, 1:] -= across
    divergence[:-1] += down
    divergence[1:] -= down
    return _solve(_SCREENING * recolored - divergence)


def _not_reversed(present: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """[0, 1], 0 where what was brighter than its surroundings has become darker, as a sky does at night: nothing was lost there, and no halo shall grow."""
    return (1.0 + _REVERSAL * (present * wanted).sum(-1) / (wanted.square().sum(-1) + 1e-8)).clamp(0.0, 1.0)


def _target(present: torch.Tensor, wanted: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """The differences to reach: the present ones, and where they are smaller than those wanted, a part of the way to these."""
    missing = (1.0 - present.norm(dim=-1) / (wanted.norm(dim=-1) + 1e-8)).clamp(0.0, 1.0) * amount
    return present + missing[..., None] * (wanted - present)


def _solve(right: torch.Tensor) -> torch.Tensor:
    """Solves (screening - Laplacian) x = right with free borders, exactly, by a cosine transform."""
    height, width = right.shape[:2]
    if on_cpu(right):
        spectrum = torch.from_numpy(scipy.fft.dctn(right.numpy(), axes=(0, 1), workers=threads.count(), overwrite_x=True))
        spectrum /= _eigenvalues(height, width, height, width, right.device)[..., None]
        return torch.from_numpy(scipy.fft.idctn(spectrum.numpy(), axes=(0, 1), workers=threads.count(), overwrite_x=True)).contiguous()
    # PyTorch has no cosine transform: an even extension and a Fourier transform.
    mirrored = torch.cat([right, right.flip(0)], 0)
    mirrored = torch.cat([mirrored, mirrored.flip(1)], 1)
    spectrum = torch.fft.rfft2(mirrored.permute(2, 0, 1)) / _eigenvalues(2 * height, width + 1, height, width, right.device)
    return torch.fft.irfft2(spectrum, s=(2 * height, 2 * width))[:, :height, :width].permute(1, 2, 0).contiguous()


def _eigenvalues(rows: int, columns: int, height: int, width: int, device: torch.device) -> torch.Tensor:
    """Of the operator, for the first frequencies: float32 [rows, columns]."""
    row, column = (torch.arange(n, device=device, dtype=torch.float32) for n in (rows, columns))
    return _SCREENING + (2.0 - 2.0 * torch.cos(math.pi * row / height))[:, None] + (2.0 - 2.0 * torch.cos(math.pi * column / width))
