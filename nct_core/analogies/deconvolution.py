"""Features of a level -> features of the level below that the network turns into them (analogy paper section 4.3).

The published method searches them from noise by L-BFGS. Here the search begins at what the matches themselves bring from the
finer level, which is close already, so that a few steps do (ours): 2 steps leave less than 20 from a constant do at the coarse levels.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    here = _Point.at(network, wanted, start)
    pairs: list[_Pair] = []
    for step in range(steps):
        advance(step / steps)
        if not _dot(here.gradient, here.gradient) > 0.0:
            break
        direction = _direction(here.gradient, pairs) if pairs else here.gradient * _best_length(network, wanted, here)
        there = _Point.at(network, wanted, (here.x - direction).clamp_min(0.0))
        if there.value > here.value:
            there = _Point.at(network, wanted, here.x + _RETREAT * (there.x - here.x))
        pair = _Pair.between(here, there)
        if there.value > here.value:
            pairs = []  # begins again with the gradient
            continue
        pairs = [*pairs, pair][-_KEPT_PAIRS:] if pair.curvature > 0.0 else pairs
        here = there
    return here.x


@dataclass(frozen=True)
class _Point:
    """Features, the network's difference to what is wanted there, half its square, and the gradient of that."""

    x: torch.Tensor
    difference: torch.Tensor
    value: float
    gradient: torch.Tensor

    @classmethod
    def at(cls, network: nn.Sequential, wanted: torch.Tensor, x: torch.Tensor) -> _Point:
        with torch.enable_grad():
            variable = x.detach().requires_grad_(True)
            difference = network(variable) - wanted
            (gradient,) = torch.autograd.grad(difference, variable, difference.detach())
        difference = difference.detach()
        return cls(x, difference, _dot(difference, difference) / 2, gradient)


@dataclass(frozen=True)
class _Pair:
    """A step, the change of the gradient along it, and their product."""

    step: torch.Tensor
    change: torch.Tensor
    curvature: float

    @classmethod
    def between(cls, here: _Point, there: _Point) -> _Pair:
        step, change = there.x - here.x, there.gradient - here.gradient
        return cls(step, change, _dot(step, change))


def _direction(gradient: torch.Tensor, pairs: list[_Pair]) -> torch.Tensor:
    """The two loops of L-BFGS (Nocedal and Wright, algorithm 7.4)."""
    direction, shares = gradient.clone(), []
    for pair in reversed(pairs):
        shares.append(_dot(pair.step, direction) / pair.curvature)
        direction.add_(pair.change, alpha=-shares[-1])
    direction *= pairs[-1].curvature / _dot(pairs[-1].change, pairs[-1].change)
    for pair, share in zip(pairs, reversed(shares)):
        direction.add_(pair.step, alpha=share - _dot(pair.change, direction) / pair.curvature)
    return direction


def _best_length(network: nn.Sequential, wanted: torch.Tensor, here: _Point) -> float:
    """The length of the best step against the gradient, where the network is taken to be linear."""
    probe = _PROBE * (_dot(here.x, here.x) / _dot(here.gradient, here.gradient)) ** 0.5 or _PROBE
    with torch.no_grad():
        along = (network(here.x + probe * here.gradient) - wanted - here.difference) / probe
    return _dot(here.difference, along) / max(_dot(along, along), 1e-30)


def _dot(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first * second).sum())
