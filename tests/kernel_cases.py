"""What PatchMatch and voting are compared on between the CPU and other devices: odd sizes, channels that fill no block, holes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nct_core.features.fixed_point import fixed_point
from nct_core.guidance.voting.ballot import Ballot, Votes
from nct_core.matching.field import identity_field, move_to_valid
from nct_core.matching.patchmatch.problem import Problem


@dataclass(frozen=True)
class Case:
    """Two grids, the features' channels and the share of positions that are valid; for PatchMatch also radii, reach, iterations and the highest resistance."""

    shape: tuple[int, int]
    to_shape: tuple[int, int]
    channels: int
    valid: float = 1.0
    radii: tuple[int, ...] = (5, 2, 1)
    reach: int = 10**6
    iterations: int = 2
    resistance: int = 0


PATCHMATCH_CASES = (
    Case((11, 9), (10, 12), 20),
    Case((9, 12), (10, 8), 64, valid=0.6, radii=(3,), reach=3, iterations=1),
    Case((5, 4), (4, 7), 128, radii=(1,)),
    Case((8, 9), (9, 7), 64, resistance=1 << 26),
)
VOTING_CASES = (Case((4, 5), (6, 5), 20), Case((5, 4), (4, 4), 64, valid=0.7))
LARGE = Case((175, 120), (131, 180), 64, radii=(32, 16, 8, 4, 2, 1), iterations=10)


def planes(case: Case) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Smooth features of both sides and which of their positions are valid."""
    rng = np.random.default_rng(7)
    features = []
    for shape in (case.shape, case.to_shape):
        noise = torch.from_numpy(rng.standard_normal((1, case.channels, *shape)).astype(np.float32))
        features.append(fixed_point(torch.nn.functional.avg_pool2d(noise, 3, 1, 1)[0].permute(1, 2, 0).relu() + 1e-3).contiguous())
    valid = [torch.from_numpy(rng.random(shape) < case.valid if case.valid < 1 else np.ones(shape, np.bool_)) for shape in (case.shape, case.to_shape)]
    return features[0], features[1], valid[0], valid[1]


def patchmatch_fields(run: Callable[[Problem], torch.Tensor], case: Case, device: torch.device) -> NDArray[np.int32]:
    """The field that ``run`` finds."""
    a, b, _, valid = (plane.to(device) for plane in planes(case))
    start = move_to_valid(identity_field(case.shape, case.to_shape, device), valid)
    resistance = torch.from_numpy(np.random.default_rng(9).integers(0, case.resistance + 1, case.shape, np.int32)).to(device)
    return run(Problem(a, b, start, valid, resistance, case.radii, case.reach, case.iterations, seed=2**31 - 5)).cpu().numpy()


def votes(run: Callable[[Ballot], Votes], case: Case, device: torch.device) -> list[NDArray[Any]]:
    """Colors, errors and where there were votes, from fields at random of which a third of the positions map to one place."""
    a, b, valid, to_valid = planes(case)
    rng = np.random.default_rng(8)
    colors = torch.from_numpy(rng.random((*case.to_shape, 3)).astype(np.float32))
    forward, backward = (np.stack([rng.integers(0, n, s) for n in t], -1) for s, t in ((case.shape, case.to_shape), (case.to_shape, case.shape)))
    backward[rng.random(case.to_shape) < 1 / 3] = (1, 2)
    fields = (move_to_valid(torch.from_numpy(field).int(), ok) for field, ok in ((forward, to_valid), (backward, valid)))
    tensors = (plane.to(device) for plane in (a, b, colors, *fields, valid, to_valid))
    found = run(Ballot(*tensors, coherence=1.0 / int(valid.sum()), completeness=2.0 / int(to_valid.sum())))
    return [plane.cpu().numpy() for plane in (found.colors, found.error, found.voted)]
