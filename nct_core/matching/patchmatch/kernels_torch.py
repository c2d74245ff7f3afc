"""PatchMatch on any torch device; see :mod:`nct_core.matching.patchmatch` for the contract."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ...features.fixed_point import PATCH_COUNTS
from ...runtime.progress import Advance, unwatched
from ..field import Field
from .problem import Problem

_REJECTED = -(1 << 31)
_CHUNK = 1 << 24  # feature values gathered at a time; bounds the memory of a round
_MASK = 0xFFFFFFFF


def patchmatch(problem: Problem, advance: Advance = unwatched) -> Field:
    """See :func:`nct_core.matching.patchmatch.patchmatch`."""
    field, jumps, radii, iterations = problem.start.long(), problem.jumps, problem.radii, problem.iterations
    search = _Search(problem, field)
    score = search.similarity(field)
    rounds = len(jumps) + len(radii)
    for iteration in range(iterations):
        for number, jump in enumerate(jumps):
            before = field
            for di, dj in ((0, -jump), (0, jump), (-jump, 0), (jump, 0)):
                field, score = search.improve(field, score, *search.shifted(before, di, dj))
            advance((iteration + (number + 1) / rounds) / iterations)
        for trial, radius in enumerate(radii):
            field, score = search.improve(field, score, search.random(field, radius, iteration, trial, problem.seed), None)
            advance((iteration + (len(jumps) + trial + 1) / rounds) / iterations)
    return field.int()


class _Search:
    """The two feature maps and the steps of the search; fields are int64 [h, w, 2]."""

    def __init__(self, problem: Problem, start: torch.Tensor) -> None:
        self.height, self.width, channels = problem.features.shape
        self.to_height, self.to_width, _ = problem.target_features.shape
        # A frame of zeros: where patches leave their grids nothing is added.
        self.features = F.pad(problem.features.int(), (0, 0, 1, 1, 1, 1))
        self.target = F.pad(problem.target_features.int(), (0, 0, 1, 1, 1, 1)).flatten(0, 1)
        self.valid = problem.target_valid.flatten()
        self.start, self.resistance, self.reach = start, problem.resistance, problem.reach
        device = start.device
        rows, cols = torch.arange(self.height, device=device), torch.arange(self.width, device=device)
        self.positions = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1)
        self.rows_per_chunk = max(1, _CHUNK // (self.width * channels))

    def similarity(self, field: torch.Tensor) -> torch.Tensor:
        """36 times the mean dot product of the patches at every position and its match, int32 [h, w]."""
        row, col, to_row, to_col = *self.positions.unbind(-1), *field.unbind(-1)
        above, below = (row > 0) & (to_row > 0), (row < self.height - 1) & (to_row < self.to_height - 1)
        before, after = (col > 0) & (to_col > 0), (col < self.width - 1) & (to_col < self.to_width - 1)
        count = (1 + above.int() + below.int()) * (1 + before.int() + after.int())
        match = (to_row + 1) * (self.to_width + 2) + to_col + 1
        step = self.rows_per_chunk
        total = torch.cat([self._sums(top, match[top : top + step]) for top in range(0, self.height, step)])
        # The number of positions that two patches share divides 36, so this product fits into 32 bits.
        return total * torch.div(PATCH_COUNTS, count, rounding_mode="floor")

    def _sums(self, top: int, match: torch.Tensor) -> torch.Tensor:
        """Sums of the dot products of whole patches for rows from ``top``, given the flat matches in the framed target."""
        total = torch.zeros(match.shape, dtype=torch.int32, device=match.device)
        for i in range(3):
            for j in range(3):
                ours = self.features[top + i : top + i + match.shape[0], j : j + self.width]
                theirs = self.target.index_select(0, (match + ((i - 1) * (self.to_width + 2) + j - 1)).flatten()).view(ours.shape)
                total += theirs.mul_(ours).sum(-1, dtype=torch.int32)
        return total

    def shifted(self, field: torch.Tensor, di: int, dj: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The match that the neighbor at (di, dj) suggests, and where there is such a neighbor."""
        neighbor = self.positions + torch.tensor([di, dj], device=field.device)
        row, col = neighbor[..., 0], neighbor[..., 1]
        exists = (row >= 0) & (row < self.height) & (col >= 0) & (col < self.width)
        moved = field[row.clamp(0, self.height - 1), col.clamp(0, self.width - 1)]
        return moved - torch.tensor([di, dj], device=field.device), exists

    def random(self, field: torch.Tensor, radius: int, iteration: int, trial: int, seed: int) -> torch.Tensor:
        """A random position within ``radius`` of every current match, clipped to the grid."""
        out = []
        number = self.positions[..., 0] * self.width + self.positions[..., 1]
        for axis, size in ((0, self.to_height), (1, self.to_width)):
            low, high = (field[..., axis] - radius).clamp_min(0), (field[..., axis] + radius).clamp_max(size - 1)
            out.append(low + _hash_u32(seed, iteration, 2 * trial + axis, number) % (high - low + 1))
        return torch.stack(out, -1)

    def improve(self, field: torch.Tensor, score: torch.Tensor, candidate: torch.Tensor, exists: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Accepts the candidate wherever it is allowed and better."""
        row, col = candidate[..., 0], candidate[..., 1]
        allowed = (row >= 0) & (row < self.to_height) & (col >= 0) & (col < self.to_width)
        row, col = row.clamp(0, self.to_height - 1), col.clamp(0, self.to_width - 1)
        allowed &= self.valid[row * self.to_width + col]
        away = (candidate - self.start).abs()
        allowed &= (away <= self.reach).all(-1)
        if exists is not None:
            allowed &= exists
        candidate = torch.stack([row, col], -1)
        worth = self.similarity(candidate) - self.resistance * away.sum(-1).int()
        found = torch.where(allowed, worth, torch.full_like(score, _REJECTED))
        better = found > score
        return torch.where(better[..., None], candidate, field), torch.where(better, found, score)


def _hash_u32(seed: int, iteration: int, trial: int, position: torch.Tensor) -> torch.Tensor:
    """The same numbers as :func:`nct_core.matching.patchmatch.kernels_cpu.hash_u32`, in int64 arithmetic kept to 32 bits."""
    counters = (iteration * 0x85EBCA77 + trial * 0xC2B2AE3D) & _MASK
    x = ((_multiply(position & _MASK, 0x9E3779B1) + seed) & _MASK) ^ counters
    x = _multiply(x ^ (x >> 16), 0x85EBCA6B)
    x = _multiply(x ^ (x >> 13), 0xC2B2AE35)
    return x ^ (x >> 16)


def _multiply(x: torch.Tensor, factor: int) -> torch.Tensor:
    """x * factor modulo 2**32 within int64, with the two halves of ``factor`` multiplied separately."""
    return (x * (factor & 0xFFFF) + (((x * (factor >> 16)) & 0xFFFF) << 16)) & _MASK
