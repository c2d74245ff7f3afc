import numpy as np
import pytest
import torch

from nct_core import ConvergenceError, multigrid_cpu, multigrid_torch, solvers
from nct_core.solvers import Graph, System


def random_system(seed, shape, ties=0):
    rng = np.random.default_rng(seed)
    h, w = shape
    s = rng.random((h, w, 3))
    data = rng.random((h, w, 1)) * 10.0 ** rng.uniform(-3, 1, (h, w, 1))
    blocks = np.stack([data * s * s + 0.1, data * s, data + 0.1 + 0 * s], -1).reshape(h, w, 9).astype(np.float32)
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
        graph = Graph(torch.from_numpy(starts), torch.from_numpy(other), torch.from_numpy(np.concatenate([weight, weight])[order]))
    return System(torch.from_numpy(blocks), torch.from_numpy(right), torch.from_numpy(down), graph)


def dense(system):
    """The matrix A in float64, written entry by entry from the definition, [n * 6, n * 6]."""
    h, w = system.right.shape
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
                tie(i * w + j, i * w + j + 1, float(system.right[i, j]))
            if i + 1 < h:
                tie(i * w + j, (i + 1) * w + j, float(system.down[i, j]))
    if system.graph is not None:
        starts = system.graph.starts.numpy()
        for p in range(n):
            for e in range(starts[p], starts[p + 1]):
                tie(p, int(system.graph.neighbours[e]), float(system.graph.weights[e]) / 2)  # stored from both ends
    matrix = np.kron(laplacian, np.eye(6))
    blocks = system.blocks.numpy().reshape(n, 3, 3).astype(np.float64)
    for p in range(n):
        for c in range(3):
            at = 6 * p + 2 * c
            m11, m12, m22 = blocks[p, c]
            matrix[at : at + 2, at : at + 2] += [[m11, m12], [m12, m22]]
    return matrix


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (6, 7), (11, 8)])
@pytest.mark.parametrize("ties", [0, 60])
def test_against_a_dense_solve(shape, ties):
    system = random_system(1, shape, ties if shape != (1, 1) else 0)
    rhs = torch.from_numpy(np.random.default_rng(2).standard_normal((*shape, 6)).astype(np.float32))
    truth = np.linalg.solve(dense(system), rhs.numpy().ravel().astype(np.float64)).reshape(rhs.shape)
    solution = solvers.solve(system, rhs, tolerance=1e-5)
    np.testing.assert_allclose(solution.x.numpy(), truth, atol=2e-4 * np.abs(truth).max())


@pytest.mark.parametrize("shape", [(1, 9), (6, 7)])
@pytest.mark.parametrize("kernels", [multigrid_cpu, multigrid_torch])
def test_multiplication_against_the_dense_matrix(shape, kernels):
    system = random_system(3, shape, 40)
    x = torch.from_numpy(np.random.default_rng(4).standard_normal((*shape, 6)).astype(np.float32))
    truth = (dense(system) @ x.numpy().ravel().astype(np.float64)).reshape(x.shape)
    product = kernels.apply(x, system.blocks, system.right, system.down, system.graph)
    np.testing.assert_allclose(product.numpy(), truth, rtol=1e-4, atol=1e-5 * np.abs(truth).max())


@pytest.mark.parametrize("shape", [(1, 5), (8, 8), (9, 7)])
def test_both_implementations_of_every_kernel_agree(shape):
    system = random_system(5, shape)
    rng = np.random.default_rng(6)
    x, rhs = (torch.from_numpy(rng.standard_normal((*shape, 6)).astype(np.float32)) for _ in range(2))
    right, down = system.right.clone(), system.down.clone()
    right[:, -1], down[-1] = 0, 0
    coarse_shape = tuple((n + 1) // 2 for n in shape)
    out = []
    for kernels in (multigrid_cpu, multigrid_torch):
        y = x.clone()
        for color in (0, 1):
            kernels.smooth(y, rhs, system.blocks, right, down, color)
        coarse = kernels.restrict_residual(x, rhs, system.blocks, right, down, coarse_shape)
        z = y.clone()
        kernels.prolong_add(coarse, z)
        combined = x.clone()
        kernels.combine(combined, 0.5, rhs, -1.5)
        out.append((y, coarse, z, combined, torch.tensor(kernels.dot(x, rhs), dtype=torch.float32)))
    for cpu, generic in zip(*out):
        torch.testing.assert_close(cpu, generic, rtol=1e-4, atol=2e-3)


def test_the_error_estimate_is_honest_on_a_hard_problem():
    rng = np.random.default_rng(7)
    shape = (96, 80)
    trusted = torch.where(torch.from_numpy(rng.random(shape)) < 0.05, 1e-6, 1.0).float()
    blocks = torch.stack([trusted, torch.zeros(shape), trusted], -1).repeat(1, 1, 3)
    right, down = (torch.from_numpy((6.0 / (rng.random(shape) ** 4 + 1e-4)).astype(np.float32)) for _ in range(2))
    rhs = trusted[..., None] * torch.from_numpy(rng.random((*shape, 6)).astype(np.float32))
    system = System(blocks, right, down)
    tight, loose = solvers.solve(system, rhs, tolerance=1e-5), solvers.solve(system, rhs, tolerance=1e-2)
    gap = loose.x - tight.x
    energy = float((gap * solvers.multiply(system, gap)).sum() / (tight.x * rhs).sum()) ** 0.5
    assert energy < 3e-2
    residual = (rhs - solvers.multiply(system, tight.x)).norm() / rhs.norm()
    assert residual < 1e-2 and tight.iterations < 80


def test_a_solver_that_does_not_get_there_says_so():
    system = random_system(8, (20, 20))
    with pytest.raises(ConvergenceError, match=r"expected a relative error of 1e-06 .* after 1 iterations"):
        solvers.solve(system, torch.ones(20, 20, 6), tolerance=1e-6, max_iterations=1)
