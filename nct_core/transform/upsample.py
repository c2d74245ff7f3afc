"""The transform on a level's grid -> on the image's grid, up to the image's edges (paper section 3.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..pixels.resample import resize
from ..runtime.backend import Kernels, on_cpu
from ..runtime.progress import Advance, unwatched
from ..solver.conjugate_gradients import solve
from ..solver.system import Grid, Solution, System
from . import upsample_cpu
from .coefficients import recolor
from .fit import agreement_gain, edge_weights

_OUT_OF_RANGE_WEIGHT = 1e-6

_SMOOTHING_TOLERANCE = 5e-3  # the error of the bilinear upsampling is larger


class EdgeAwareUpsampling:
    """Carries a level's transform to the image's grid: bilinear, then smoothed up to edges (weighted least squares; program).

    Minimizes sum_p r(p) (x - x_up)^2 + weight * sum over N4 of (x_p - x_q)^2 / (|l_p - l_q|^alpha + eps), with r = 1, or 1e-6 where
    the upsampled transform leaves [0, 1]. The parts that depend on the image alone are computed once for all levels.

    Args:
        source: float32 [H, W, 3], scaled Lab.
        kernels: of the device, see :class:`nct_core.solver.system.Grid`.
    """

    def __init__(self, source: torch.Tensor, kernels: Kernels | None = None) -> None:
        self._source = source
        self._grid = Grid(*edge_weights(source[..., 0], 1.0), kernels)

    def __call__(
        self,
        low: torch.Tensor,
        *,
        weight: float,
        agreement: torch.Tensor | None = None,
        tolerance: float = _SMOOTHING_TOLERANCE,
        advance: Advance = unwatched,
    ) -> Solution:
        """Upsamples and smooths a transform.

        Args:
            low: float32 [h, w, 6], the transform on the level's grid.
            weight: lambda of this level.
            agreement: float32 [h, w], [0, 1], on the level's grid; as in :func:`nct_core.transform.fit.fit`, r is higher where matches agree.
            tolerance: of the solver, see :func:`nct_core.solver.conjugate_gradients.solve`.
            advance: called by the solver.

        Raises:
            ConvergenceError: the solver did not reach its tolerance.
        """
        scale = 1.0 if weight == 0 else 1.0 / weight
        trusted = scale * resize(agreement_gain(agreement, low[..., 0])[..., None], (self._source.shape[0], self._source.shape[1]))[..., 0].contiguous()
        upsample = upsample_cpu.upsample if on_cpu(low) else _upsample
        up, trust, rhs = upsample(low, self._source, trusted, _OUT_OF_RANGE_WEIGHT * scale)
        if weight == 0:
            return Solution(up, 0, 0.0)
        return solve(System(trust, self._grid), rhs, tolerance=tolerance, start=up, advance=advance)


def _upsample(
    low: torch.Tensor, source: torch.Tensor, trusted_weight: torch.Tensor, untrusted_weight: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Upsamples the transform bilinearly to the image's grid; returns it, its weight r, and the product of the two."""
    up = F.interpolate(low.permute(2, 0, 1)[None], size=source.shape[:2], mode="bilinear", align_corners=False)[0].permute(1, 2, 0).contiguous()
    mapped = recolor(up, source)
    trust = torch.where((mapped >= 0) & (mapped <= 1), trusted_weight[..., None], untrusted_weight)
    return up, trust, trust.repeat_interleave(2, -1) * up
