from typing import NamedTuple

import numpy as np
import pytest
import torch

from nct_core import ConvergenceError
from nct_core.runtime import threads
from nct_core.solver import conjugate_gradients, quads, quads_cpu
from nct_core.solver import kernels_cpu as multigrid_cpu
from nct_core.solver import kernels_torch as multigrid_torch
from nct_core.solver.conjugate_gradients import solve
from nct_core.solver.graph import Graph
from nct_core.solver.multigrid import Preconditioner
from nct_core.solver.quads import from_quads, to_quads
from nct_core.solver.system import Grid, System, multiply


def random_system(seed, shape, ties=0, scalar=False):
    rng = np.random.default_rng(seed)
    h, w = shape
    s = rng.random((h, w, 3))
    data = rng.random((h, w, 1)) * 10.0 ** rng.uniform(-3, 1, (h, w, 1))
    blocks = np.stack([data * s * s + 0.1, data * s, data + 0.1 + 0 * s], -1).reshape(h, w, 9).astype(np.float32)
    if scalar:
        blocks = (10.0 ** rng.uniform(-6, 1, (h, w, 3))).astype(np.float32)
    right, down = (10.0 ** rng.uniform(-1, 3, (h, w))).astype(np.float32), (10.0 ** rng.uniform(-1, 3, (h, w))).astype(np.float32)
    graph = None
    if ties:
        head, tail = rng.integers(0, h * w, (2, ties))
        head, tail = head[head != tail], tail[head != tail]
        weight = rng.random(len(head)).astype(np.float32)
        both = np.concatenate([head, tail])
        order = np.argsort(both, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(both, minlength=h * w))]).astype(np.int32)
        other = np.concatenate([tail, head])[order].astype(np.int32)
        nodes = rng.permutation(h * w).astype(np.int32).reshape(h, w)
        graph = Graph(torch.from_numpy(nodes), torch.from_numpy(starts), torch.from_numpy(other), torch.from_numpy(np.concatenate([weight, weight])[order]))
    return Planted(
        torch.from_numpy(right), torch.from_numpy(down), System(torch.from_numpy(blocks), Grid(torch.from_numpy(right), torch.from_numpy(down)), graph)
    )


class Planted(NamedTuple):
    right: torch.Tensor
    down: torch.Tensor
    system: System


def dense(planted):
    """The matrix A in float64, written entry by entry from the definition, [n * 6, n * 6]."""
    right, down, system = planted
    h, w = right.shape
    n = h * w
    laplacian = np.zeros((n, n))

    def tie(p, q, weight):
        laplacian[p, p] += weight
        laplacian[q, q] += weight
        laplacian[p, q] -= weight
        laplacian[q, p] -= weight

    for i in range(h):
        for j in range(w):
            if j + 1 < w:
                tie(i * w + j, i * w + j + 1, float(right[i, j]))
            if i + 1 < h:
                tie(i * w + j, (i + 1) * w + j, float(down[i, j]))
    if system.graph is not None:
        starts, nodes = system.graph.starts.numpy(), np.argsort(system.graph.node_of.numpy().ravel())
        for p in range(n):
            for e in range(starts[p], starts[p + 1]):
                tie(nodes[p], nodes[int(system.graph.neighbors[e])], float(system.graph.weights[e]) / 2)  # stored from both ends
    matrix = np.kron(laplacian, np.eye(6))
    blocks = system.blocks.numpy().astype(np.float64)
    if blocks.shape[2] == 3:
        blocks = np.stack([blocks, 0 * blocks, blocks], -1)
    blocks = blocks.reshape(n, 3, 3)
    for p in range(n):
        for c in range(3):
            at = 6 * p + 2 * c
            m11, m12, m22 = blocks[p, c]
            matrix[at : at + 2, at : at + 2] += [[m11, m12], [m12, m22]]
    return matrix


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (6, 7), (11, 8)])
@pytest.mark.parametrize(("ties", "scalar"), [(0, False), (60, False), (0, True)])
def test_against_a_dense_solve(shape, ties, scalar):
    planted = random_system(1, shape, ties if shape != (1, 1) else 0, scalar)
    x = torch.from_numpy(np.random.default_rng(2).standard_normal((*shape, 6)))
    rhs = (dense(planted) @ x.numpy().ravel()).reshape(x.shape)
    solution = solve(planted.system, torch.from_numpy(rhs.astype(np.float32)), tolerance=1e-5)
    energy = ((solution.x.double() - x).numpy().ravel() @ dense(planted) @ (solution.x.double() - x).numpy().ravel() / (x.numpy() * rhs).sum()) ** 0.5
    assert energy < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (6, 7)])
@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("kernels", [multigrid_cpu, multigrid_torch])
def test_multiplication_against_the_dense_matrix(shape, scalar, kernels, monkeypatch):
    monkeypatch.setattr(quads, "kernels_for", lambda *_: kernels)
    planted = random_system(3, shape, 40 if shape != (1, 1) else 0, scalar)
    x = torch.from_numpy(np.random.default_rng(4).standard_normal((*shape, 6)).astype(np.float32))
    truth = (dense(planted) @ x.numpy().ravel().astype(np.float64)).reshape(x.shape)
    np.testing.assert_allclose(multiply(planted.system, x).numpy(), truth, rtol=1e-4, atol=1e-5 * np.abs(truth).max())


@pytest.mark.parametrize("shape", [(1, 5), (8, 8), (9, 7), (30, 41)])
@pytest.mark.parametrize("scalar", [False, True])
def test_both_implementations_of_the_kernels_agree(shape, scalar, monkeypatch):
    right, down, system = random_system(5, shape, 0, scalar)
    rhs = torch.from_numpy(np.random.default_rng(6).standard_normal((*shape, 6)).astype(np.float32))
    out = []
    for kernels in (multigrid_cpu, multigrid_torch):
        monkeypatch.setattr(quads, "kernels_for", lambda *_, kernels=kernels: kernels)
        grid = Grid(right, down)
        one_cycle = Preconditioner(System(system.blocks, grid))(to_quads(rhs))
        combined = to_quads(rhs)
        kernels.combine(combined, 0.5, one_cycle, -1.5)
        out.append(
            [*(level.weights for level in grid.levels), *(level.shares for level in grid.levels), one_cycle, combined, kernels.dot(one_cycle, combined).float()]
        )
    for compiled, generic in zip(*out):
        torch.testing.assert_close(compiled, generic, rtol=1e-3, atol=1e-4 * float(generic.abs().max()))


def test_one_cycle_is_symmetric_and_positive():
    _, _, system = random_system(9, (23, 18))
    x, y = (to_quads(torch.from_numpy(np.random.default_rng(seed).standard_normal((23, 18, 6)).astype(np.float32))) for seed in (1, 2))
    precondition = Preconditioner(system)
    there, back, own = (precondition(x) * y).sum(), (precondition(y) * x).sum(), (precondition(x) * x).sum()
    assert own > 0
    torch.testing.assert_close(there, back, rtol=1e-3, atol=1e-4 * float(own))


def test_quads_hold_every_position_once():
    image = torch.from_numpy(np.random.default_rng(3).standard_normal((5, 8, 2)).astype(np.float32))
    layout = to_quads(image)
    assert layout[3, 1, 1 + 1, 2 + 1] == image[3, 5, 1]
    torch.testing.assert_close(from_quads(layout, (5, 8)), image, rtol=0, atol=0)
    assert float(layout.abs().sum()) == pytest.approx(float(image.abs().sum()), rel=1e-5)


def test_the_error_estimate_is_honest_on_a_hard_problem():
    rng = np.random.default_rng(7)
    shape = (96, 80)
    trusted = torch.where(torch.from_numpy(rng.random(shape)) < 0.05, 1e-6, 1.0).float()
    right, down = (torch.from_numpy((6.0 / (rng.random(shape) ** 4 + 1e-4)).astype(np.float32)) for _ in range(2))
    rhs = trusted[..., None] * torch.from_numpy(rng.random((*shape, 6)).astype(np.float32))
    system = System(trusted[..., None].repeat(1, 1, 3), Grid(right, down))
    tight, loose = solve(system, rhs, tolerance=1e-5), solve(system, rhs, tolerance=1e-2)
    gap = loose.x - tight.x
    energy = float((gap * multiply(system, gap)).sum() / (tight.x * rhs).sum()) ** 0.5
    assert energy < 3e-2
    residual = (rhs - multiply(system, tight.x)).norm() / rhs.norm()
    assert residual < 1e-2 and tight.iterations < 80


def test_a_solver_that_does_not_get_there_says_so():
    system = random_system(8, (20, 20)).system
    with pytest.raises(ConvergenceError, match=r"expected a relative error of 1e-06 .* after 1 iterations"):
        solve(system, torch.ones(20, 20, 6), tolerance=1e-6, max_iterations=1)


@pytest.mark.parametrize("ties", [0, 500])
def test_the_number_of_threads_does_not_matter(ties, monkeypatch):
    _, _, system = random_system(10, (150, 140), ties)
    rhs = torch.from_numpy(np.random.default_rng(11).standard_normal((150, 140, 6)).astype(np.float32))
    alone, together = [], []
    for count, found in ((1, alone), (5, together)):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        monkeypatch.setattr(quads_cpu, "_GRAIN_POSITIONS", 500)
        found.append(solve(system, rhs, tolerance=1e-3).x)
    torch.testing.assert_close(alone, together, rtol=0, atol=0)


@pytest.mark.parametrize("ties", [0, 500])
def test_both_implementations_solve_alike(ties, monkeypatch):
    right, down, system = random_system(12, (40, 33), ties)
    rhs = torch.from_numpy(np.random.default_rng(13).standard_normal((40, 33, 6)).astype(np.float32))
    compiled = solve(system, rhs, tolerance=1e-4)
    monkeypatch.setattr(quads, "kernels_for", lambda *_: multigrid_torch)
    monkeypatch.setattr(conjugate_gradients, "_CHECK_EVERY_ON_CPU", conjugate_gradients._CHECK_EVERY_ELSEWHERE)
    generic = solve(System(system.blocks, Grid(right, down), system.graph), rhs, tolerance=1e-4)
    assert generic.iterations >= compiled.iterations
    gap = generic.x - compiled.x
    assert float((gap * multiply(system, gap)).sum() / (compiled.x * rhs).sum()) ** 0.5 < 3e-4


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["rhs", "blocks"])
def test_numbers_that_are_not_finite_end_the_iteration(bad, where):
    shape = (20, 24)
    rhs, blocks, told = torch.ones(*shape, 6), torch.ones(*shape, 3), []
    {"rhs": rhs, "blocks": blocks}[where][3, 4, 1] = bad
    system = System(blocks, Grid(torch.ones(shape), torch.ones(shape)))
    with pytest.raises(ConvergenceError, match=r"expected finite numbers from the linear solver, got .* after [01] iterations"):
        solve(system, rhs, tolerance=1e-5, advance=told.append)
    assert len(told) <= 3
