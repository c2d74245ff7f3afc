"""Choosing between references: cuts, labels of least energy and the evidence, each against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nct_core.guidance import evidence
from nct_core.guidance.alpha_expansion import expand
from nct_core.guidance.fuse import fuse
from nct_core.guidance.graph_cut import minimum_cut
from nct_core.guidance.labels import evidence_costs, label_map
from nct_core.guidance.source_level import SourceLevel
from nct_core.guidance.voting import Guidance


def random_edges(rng: np.random.Generator, shape: tuple[int, int], top: int) -> NDArray[np.int64]:
    edges = rng.integers(0, top, (*shape, 4))
    edges[:, -1, 0] = edges[:, 0, 1] = edges[-1, :, 2] = edges[0, :, 3] = 0
    return edges


def cut_cost(sink: NDArray[np.bool_], terminal: NDArray[np.int64], edges: NDArray[np.int64]) -> int:
    """What a partition costs, counted edge by edge."""
    total = int(terminal[~sink].sum())
    for row, col in np.ndindex(*sink.shape):
        for direction, (di, dj) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
            i, j = row + di, col + dj
            if 0 <= i < sink.shape[0] and 0 <= j < sink.shape[1] and not sink[row, col] and sink[i, j]:
                total += int(edges[row, col, direction])
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.sampled_from([3, 20, 100]), st.integers(0, 2**32 - 1))
def test_no_cut_is_cheaper_than_the_minimum_cut(height: int, width: int, top: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    terminal, edges = rng.integers(-20, 21, (height, width)), random_edges(rng, (height, width), top)
    before = edges.copy()
    found = cut_cost(minimum_cut(terminal, edges), terminal, edges)
    np.testing.assert_array_equal(edges, before)
    partitions = (np.array(bits).reshape(height, width) for bits in itertools.product([False, True], repeat=height * width))
    assert found == min(cut_cost(partition, terminal, edges) for partition in partitions)


def test_a_large_cut_stays_cheapest_however_it_is_turned() -> None:
    # Every symmetry of the grid is another order of augmenting paths to the same minimum.
    rng = np.random.default_rng(4)
    terminal, edges = rng.integers(-100, 101, (40, 55)), random_edges(rng, (40, 55), 80)
    cost = cut_cost(minimum_cut(terminal, edges), terminal, edges)
    for turned, order in ((terminal[::-1], [0, 1, 3, 2]), (terminal[:, ::-1], [1, 0, 2, 3]), (terminal.T, [2, 3, 0, 1])):
        axes = edges[::-1] if order[2] == 3 else edges[:, ::-1] if order[0] == 1 else edges.transpose(1, 0, 2)
        other = np.ascontiguousarray(axes[..., order])
        assert cut_cost(minimum_cut(np.ascontiguousarray(turned), other), turned, other) == cost


def label_energy(labels: NDArray[np.uint8], data: NDArray[np.float32], colors: NDArray[np.float32], edges: NDArray[np.float32]) -> float:
    """The energy as the docstring of ``expand`` writes it, with boundary 0.3 and seam 1."""
    total = sum(float(data[labels[p], p[0], p[1]]) for p in np.ndindex(*labels.shape))
    for p in np.ndindex(*labels.shape):
        for direction, q in enumerate(((p[0], p[1] + 1), (p[0] + 1, p[1]))):
            if q[0] < labels.shape[0] and q[1] < labels.shape[1] and labels[p] != labels[q]:
                a, b = labels[p], labels[q]
                total += float(edges[p][direction]) * (0.3 + sum(float(np.linalg.norm(colors[a][x] - colors[b][x])) for x in (p, q)))
    return total


def energy_terms(seed: int, count: int, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return rng.random((count, *shape), np.float32), 0.3 * rng.random((count, *shape, 3), np.float32), rng.random((*shape, 2), np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_two_labels_reach_the_least_energy(seed: int) -> None:
    data, colors, edges = energy_terms(seed, 2, (3, 3))
    labels = expand(data.argmin(0).astype(np.uint8), data, colors, edges, np.ones((3, 3), np.bool_), boundary=0.3, seam=1.0)
    least = min(label_energy(np.array(bits, np.uint8).reshape(3, 3), data, colors, edges) for bits in itertools.product([0, 1], repeat=9))
    assert label_energy(labels, data, colors, edges) == pytest.approx(least, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_single_change_of_three_labels_gains(seed: int) -> None:
    data, colors, edges = energy_terms(seed, 3, (4, 5))
    free = np.ones((4, 5), np.bool_)
    free[0] = False
    start = data.argmin(0).astype(np.uint8)
    labels = expand(start, data, colors, edges, free, boundary=0.3, seam=1.0)
    np.testing.assert_array_equal(labels[0], start[0])
    energy = label_energy(labels, data, colors, edges)
    assert energy <= label_energy(start, data, colors, edges) + 1e-4
    for row, col in itertools.product(range(1, 4), range(5)):
        for label in range(3):
            other = labels.copy()
            other[row, col] = label
            assert label_energy(other, data, colors, edges) >= energy - 1e-4


def unit_vectors(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_likeness_against_every_pair_of_patches() -> None:
    rng = np.random.default_rng(1)
    source, reference = unit_vectors(rng, (5, 4, 6)), unit_vectors(rng, (3, 6, 6))
    valid = rng.random((3, 6)) < 0.7
    best = np.full((5, 4), -1.0)
    for p, q in itertools.product(np.ndindex(5, 4), zip(*np.nonzero(valid))):
        inside = [
            ((p[0] + i, p[1] + j), (q[0] + i, q[1] + j))
            for i, j in itertools.product((-1, 0, 1), repeat=2)
            if 0 <= p[0] + i < 5 and 0 <= p[1] + j < 4 and 0 <= q[0] + i < 3 and 0 <= q[1] + j < 6
        ]
        best[p] = max(best[p], np.mean([source[a] @ reference[b] for a, b in inside]))
    np.testing.assert_allclose(evidence.likeness(torch.from_numpy(source), torch.from_numpy(reference), torch.from_numpy(valid)).numpy(), best, atol=1e-6)


def test_descriptions_lie_on_the_grid_of_comparison() -> None:
    rng = np.random.default_rng(2)
    coarsest, finer = (torch.from_numpy((1000 * rng.random(shape)).astype(np.int16)) for shape in ((20, 125, 8), (40, 250, 6)))
    described = evidence.describe(coarsest, finer)
    assert described.shape == (8, 48, 14) and described.dtype == torch.float64
    torch.testing.assert_close(described.norm(dim=-1), torch.ones(8, 48, dtype=torch.float64))


def level(level_number: int, shape: tuple[int, int]) -> SourceLevel:
    return SourceLevel(
        level_number,
        torch.zeros(*shape, 1),
        torch.zeros(*shape, 1),
        torch.zeros(*shape, 3),
        torch.ones(shape, dtype=torch.bool),
        (shape[0] * 16, shape[1] * 16),
    )


def says(color: float, shape: tuple[int, int]) -> Guidance:
    return Guidance(torch.full((*shape, 3), color), torch.full(shape, -color), torch.ones(shape, dtype=torch.bool), torch.full(shape, 1.0 - color))


def test_labels_follow_the_evidence_and_refine_only_near_boundaries() -> None:
    rng = np.random.default_rng(3)
    evidence = 0.02 * rng.standard_normal((3, 12, 16)).astype(np.float32) + np.linspace(0.5, 0.7, 16, dtype=np.float32)
    evidence[0, :, :7] += 0.3
    evidence[1, :, 7:] += 0.3
    costs = evidence_costs(list(torch.from_numpy(evidence)), torch.ones(12, 16, dtype=torch.bool))
    coarse = label_map(level(5, (12, 16)), {index: says(0.1 * index, (12, 16)) for index in range(3)}, None, costs)
    truth = np.repeat([[0] * 7 + [1] * 9], 12, 0)
    np.testing.assert_array_equal(coarse, truth)  # the third fits nowhere
    # The finer level finds the boundary two cells to the right, and is not asked far from it.
    fits = np.where(np.arange(32) < 16, 0.9, 0.2) * np.ones((24, 1))
    candidates = [
        Guidance(torch.full((24, 32, 3), 0.1 * index), torch.from_numpy(-error.astype(np.float32)), torch.ones(24, 32, dtype=torch.bool), torch.zeros(24, 32))
        for index, error in enumerate((fits, 1.1 - fits))
    ]
    for candidate in candidates:
        candidate.error[:, :6] *= -1  # wrong, but far away
    fine = label_map(level(4, (24, 32)), dict(enumerate(candidates)), coarse, None)
    np.testing.assert_array_equal(fine, np.repeat([[0] * 16 + [1] * 16], 24, 0))


def test_one_reference_needs_no_evidence() -> None:
    guidance = says(0.5, (4, 4))
    labels = label_map(level(5, (4, 4)), {0: guidance}, None, None)
    assert labels.dtype == torch.uint8 and not labels.any()
    assert fuse({0: guidance}, labels) is guidance


def test_fused_guidance_is_that_of_the_label() -> None:
    candidates = {1: says(0.25, (3, 4)), 4: says(0.75, (3, 4))}
    labels = np.where(np.arange(12).reshape(3, 4) % 3 == 0, 4, 1).astype(np.uint8)
    fused = fuse(candidates, torch.from_numpy(labels))
    expected = torch.from_numpy(np.where(labels == 4, np.float32(0.75), np.float32(0.25)))
    torch.testing.assert_close(fused.colors, expected[..., None].expand(3, 4, 3))
    torch.testing.assert_close(fused.error, -expected)
    torch.testing.assert_close(fused.agreement, 1.0 - expected)
    assert fused.voted.all()
