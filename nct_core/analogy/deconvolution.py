"""Features of a level -> features of the level below that the network turns into them (analogy paper section 4.3).

The published method searches them from noise by L-BFGS. Here the search begins at what the matches themselves bring from the
finer level, which is close already, so that a few steps do (ours): after 5 steps the error is what 25 steps from noise leave.
"""

from __future__ import annotations

import torch
from torch import nn

from ..runtime.progress import Advance, unwatched

_KEPT_PAIRS = 6
_PROBE = 1e-2  # length of the first trial step relative to the features
_RETREAT = 0.3  # a step that makes things worse is shortened to this share


def deconvolve(network: nn.Sequential, wanted: torch.Tensor, start: torch.Tensor, steps: int, advance: Advance = unwatched) -> torch.Tensor:
    """Minimizes ||network(x) - wanted||^2 over x >= 0 by projected L-BFGS.

    Args:
        network: maps the features of the finer level to those of the coarser.
        wanted: float32 [1, C, h, w], the features of the coarser level.
        start: float32 [1, C', h', w'], where the search begins.
        steps: number of steps; 0 returns the start.
        advance: called during the work.

    Returns:
        float32 [1, C', h', w'].

    Example:
        >>> double = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False).requires_grad_(False))
        >>> _ = double[0].weight.fill_(2.0)
        >>> round(float(deconvolve(double, torch.full((1, 1, 2, 2), 6.0), torch.ones(1, 1, 2, 2), 3).mean()), 4)
        3.0
    """
    if steps == 0:
        return start
    x = start
    residual, gradient = _residual(network, wanted, x)
    pairs: list[tuple[torch.Tensor, torch.Tensor, float]] = []
    for step in range(steps):
        advance(step / steps)
        if not _dot(gradient, gradient) > 0.0:
            break
        direction = _direction(gradient, pairs) if pairs else gradient * _first_step(network, wanted, x, gradient)
        moved = (x - direction).clamp_min(0.0)
        found, slope = _residual(network, wanted, moved)
        if found > residual:
            moved = x + _RETREAT * (moved - x)
            found, slope = _residual(network, wanted, moved)
        change, bend = moved - x, slope - gradient
        curvature = _dot(change, bend)
        if curvature > 0.0:
            pairs = [*pairs, (change, bend, curvature)][-_KEPT_PAIRS:]
        if found > residual:
            pairs = []
            continue
        x, residual, gradient = moved, found, slope
    return x


def _residual(network: nn.Sequential, wanted: torch.Tensor, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Half the squared residual, and its gradient."""
    with torch.enable_grad():
        at = x.detach().requires_grad_(True)
        difference = network(at) - wanted
        (gradient,) = torch.autograd.grad(difference, at, difference.detach())
    return _dot(difference.detach(), difference.detach()) / 2, gradient


def _direction(gradient: torch.Tensor, pairs: list[tuple[torch.Tensor, torch.Tensor, float]]) -> torch.Tensor:
    """The two loops of L-BFGS (Nocedal and Wright, algorithm 7.4)."""
    direction, shares = gradient.clone(), []
    for change, bend, curvature in reversed(pairs):
        share = _dot(change, direction) / curvature
        shares.append(share)
        direction.add_(bend, alpha=-share)
    change, bend, curvature = pairs[-1]
    direction *= curvature / _dot(bend, bend)
    for (change, bend, curvature), share in zip(pairs, reversed(shares)):
        direction.add_(change, alpha=share - _dot(bend, direction) / curvature)
    return direction


def _first_step(network: nn.Sequential, wanted: torch.Tensor, x: torch.Tensor, gradient: torch.Tensor) -> float:
    """The length of the best step against the gradient, where the network is taken to be linear."""
    probe = _PROBE * (_dot(x, x) / _dot(gradient, gradient)) ** 0.5 or _PROBE
    with torch.no_grad():
        base = network(x)
        along = (network(x + probe * gradient) - base) / probe
        return _dot(base - wanted, along) / max(_dot(along, along), 1e-30)


def _dot(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first * second).sum())
