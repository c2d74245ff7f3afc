import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from skimage.color import deltaE_ciede2000

from nct_core.solver.multigrid import degree
from nct_core.solver.system import Grid, System, multiply
from nct_core.transform import upsample_cpu
from nct_core.transform.clusters import Clusters
from nct_core.transform.coefficients import recolor
from nct_core.transform.fit import TermWeights, _normal_equations, edge_weights, fit, initial_transform, normal_equations
from nct_core.transform.nonlocal_ties import kernels_cpu as nonlocal_graph_cpu
from nct_core.transform.nonlocal_ties import kernels_torch as nonlocal_graph_torch
from nct_core.transform.nonlocal_ties import nonlocal_graph
from nct_core.transform.upsample import EdgeAwareUpsampling, _upsample


def picture(seed, shape):
    """Smooth regions with texture, float32 [h, w, 3] in scaled Lab."""
    rng = np.random.default_rng(seed)
    base = torch.from_numpy(rng.random((1, 3, 5, 6)).astype(np.float32))
    planes = torch.nn.functional.interpolate(base, size=shape, mode="bilinear")[0].permute(1, 2, 0) * 0.5 + 0.2
    return (planes + 0.05 * torch.from_numpy(rng.standard_normal((*shape, 3)).astype(np.float32))).clamp(0, 1).contiguous()


def graph_of(source, k=4, weight=2.0):
    shape = tuple(source.shape[:2])
    clusters = Clusters(torch.nn.functional.normalize(source, dim=-1), 3, seed=0)
    return nonlocal_graph(source, torch.ones(shape, dtype=torch.bool), clusters, neighbors=k, weight=weight)


def energy(x, source, guidance, confidence, graph, weights, gain):
    """The four terms of the energy, straight from the definition in fit's docstring, in float64."""
    a, b, lightness = x[..., 0::2], x[..., 1::2], source[..., 0]
    data = (weights.data * (gain * confidence)[..., None] * (a * source + b - guidance) ** 2).sum()
    local = x.new_zeros(())
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        weight = 2 * weights.local / ((lightness[here] - lightness[there]).abs() ** 1.2 + 1e-4)
        local = local + (weight[..., None] * (x[here] - x[there]) ** 2).sum()
    flat, starts = x.reshape(-1, 6), graph.starts.long()
    nodes = flat_positions(graph)
    head = nodes[torch.repeat_interleave(torch.arange(len(nodes)), starts[1:] - starts[:-1])]
    tie = (graph.weights.double()[:, None] * (flat[head] - flat[nodes[graph.neighbors.long()]]) ** 2).sum() / 2  # stored from both ends
    channel = torch.tensor([1.0, 1.0, 4.0, 4.0, 4.0, 4.0])
    contrast = weights.contrast * (gain[..., None] * channel * (x - initial_transform(source, guidance, weights.deviation_floor)) ** 2).sum()
    return data, local, tie, contrast


@pytest.mark.parametrize("agreeing", [False, True])
def test_the_gradient_of_the_energy_is_zero_at_the_solution(agreeing):
    source, guidance = picture(1, (18, 21)), picture(2, (18, 21))
    confidence = torch.rand(18, 21, generator=torch.Generator().manual_seed(3)).clamp_min(1e-6)
    graph = graph_of(source)
    weights = TermWeights(data=4.0, local=0.125, contrast=2.0, deviation_floor=2.5 if agreeing else 0.6)
    agreement = torch.rand(18, 21, generator=torch.Generator().manual_seed(4)) if agreeing else None
    solution = fit(source, guidance, confidence, graph, weights, agreement=agreement, tolerance=1e-6)
    gain = 1 + 20 * agreement.double() if agreeing else torch.ones(18, 21, dtype=torch.float64)
    x = solution.x.double().requires_grad_()
    terms = energy(x, source.double(), guidance.double(), confidence.double(), graph, weights, gain)
    gradients = [torch.autograd.grad(term, x, retain_graph=True)[0] for term in terms]
    scale = max(float(gradient.norm()) for gradient in gradients)
    assert all(float(gradient.norm()) > 1e-4 * scale for gradient in gradients)  # every term takes part
    assert float(sum(gradients).norm()) < 5e-4 * scale


def test_a_planted_recoloring_is_recovered():
    source = picture(4, (40, 44))
    slope, shift = torch.tensor([0.7, 1.2, 0.9]), torch.tensor([0.15, -0.08, 0.06])
    guidance = slope * source + shift
    solution = fit(source, guidance, torch.ones(40, 44), graph_of(source), TermWeights(1.0, 0.125, 2.0))
    assert difference(recolor(solution.x, source), guidance).mean() < 1.0


def test_a_planted_recoloring_survives_upsampling():
    source = picture(5, (64, 72))
    slope, shift = torch.tensor([0.8, 1.1, 0.9]), torch.tensor([0.1, -0.05, 0.04])
    low = torch.stack([slope, shift], -1).flatten().expand(8, 9, 6).contiguous()
    solution = EdgeAwareUpsampling(source)(low, weight=0.024 * 64)
    assert difference(recolor(solution.x, source), slope * source + shift).mean() < 0.2


def difference(a, b):
    """CIEDE2000 between two float32 [h, w, 3] in scaled Lab."""
    scale, offset = np.array([100.0, 255.0, 255.0]), np.array([0.0, 128.0, 128.0])
    return deltaE_ciede2000(a.numpy() * scale - offset, b.numpy() * scale - offset)


def test_upsampling_keeps_an_edge_where_the_picture_has_one():
    source = torch.zeros(32, 32, 3)
    source[:, 17:] = 0.8
    low = torch.zeros(4, 4, 6)
    low[..., 0::2], low[:, 2:, 1::2] = 1.0, -0.3
    x = EdgeAwareUpsampling(source)(low, weight=0.024 * 64).x
    assert (x[:, 16, 1] - x[:, 0, 1]).abs().max() < 0.06 and (x[:, 17, 1] - x[:, 31, 1]).abs().max() < 0.06
    assert (x[:, 16, 1] - x[:, 17, 1]).abs().min() > 0.15


@pytest.mark.parametrize("agreeing", [False, True])
def test_upsampling_minimizes_its_energy(agreeing):
    source = picture(15, (24, 28))
    generator = torch.Generator().manual_seed(6)
    low = torch.rand(6, 7, 6, generator=generator) * 0.5 + 0.1
    agreement = torch.rand(6, 7, generator=generator) if agreeing else None
    x = EdgeAwareUpsampling(source)(low, weight=0.5, agreement=agreement, tolerance=1e-6).x.double().requires_grad_()
    planes = low if agreement is None else torch.cat([low, 1 + 20 * agreement[..., None]], -1)
    up = torch.nn.functional.interpolate(planes.permute(2, 0, 1)[None].double(), size=(24, 28), mode="bilinear")[0].permute(1, 2, 0)
    gain = up[..., 6:] if agreeing else 1.0
    up, lightness = up[..., :6], source[..., 0].double()
    inside = ((recolor(up, source) - 0.5).abs() <= 0.5).repeat_interleave(2, -1)
    data = (torch.where(inside, gain, 1e-6) * (x - up) ** 2).sum()
    smooth = x.new_zeros(())
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        weight = 0.5 / ((lightness[here] - lightness[there]).abs() ** 1.2 + 1e-4)
        smooth = smooth + (weight[..., None] * (x[here] - x[there]) ** 2).sum()
    gradients = [torch.autograd.grad(term, x, retain_graph=True)[0] for term in (data, smooth)]
    assert float(gradients[0].norm()) > 0.1
    assert float(sum(gradients).norm()) < 2e-3 * float(gradients[0].norm())


def test_the_initial_transform_matches_mean_and_deviation():
    source = picture(6, (9, 11))
    guidance = 0.5 * source + 0.3
    x = initial_transform(source, guidance)
    sigma = 255 * source[3:6, 4:7].reshape(-1, 3).std(0, unbiased=False)
    torch.testing.assert_close(x[4, 5, 0::2], 0.5 * sigma / (sigma + 0.6), rtol=1e-3, atol=1e-4)
    mean_s, mean_g = (image[3:6, 4:7].mean((0, 1)) for image in (source, guidance))
    torch.testing.assert_close(x[4, 5, 0::2] * mean_s + x[4, 5, 1::2], mean_g, rtol=1e-4, atol=1e-5)


def test_edges_are_weak_where_lightness_jumps():
    lightness = torch.tensor([[0.2, 0.2, 0.9]])
    right, down = edge_weights(lightness, 0.25)
    torch.testing.assert_close(right[0], torch.tensor([0.25 / 1e-4, 0.25 / (0.7**1.2 + 1e-4), 0.0]))
    assert not down.any()


def test_without_votes_the_transform_comes_from_around():
    source = picture(7, (20, 20))
    confidence = torch.ones(20, 20)
    confidence[8:12, 8:12] = 1e-6
    guidance = torch.where((confidence < 0.5)[..., None], source, source * 0.5)
    solution = fit(source, guidance, confidence, graph_of(source), TermWeights(64.0, 0.125, 0.0))
    assert difference(recolor(solution.x, source), source * 0.5).mean() < 1.0


def flat_positions(graph):
    """Of every node, int64 [n]."""
    return graph.positions[0] * graph.node_of.shape[1] + graph.positions[1]


def pairs(graph):
    """The graph as a dictionary from pairs of positions to weights."""
    found, starts, nodes = {}, graph.starts.numpy(), flat_positions(graph).numpy()
    for p in range(len(nodes)):
        for e in range(starts[p], starts[p + 1]):
            pair = (int(nodes[p]), int(nodes[graph.neighbors[e]]))
            found[pair] = found.get(pair, 0) + float(graph.weights[e])
    return found


class TestNonlocalGraph:
    def test_both_implementations_agree(self, monkeypatch):
        source = picture(11, (60, 50))
        valid = torch.from_numpy(np.random.default_rng(12).random((60, 50)) < 0.9)
        clusters = Clusters(torch.nn.functional.normalize(picture(13, (8, 7)) - 0.4, dim=-1), 5, seed=0)
        compiled = pairs(nonlocal_graph(source, valid, clusters, neighbors=8, weight=2.0))
        monkeypatch.setattr(nonlocal_graph_cpu, "ties", nonlocal_graph_torch.ties)
        generic = pairs(nonlocal_graph(source, valid, clusters, neighbors=8, weight=2.0))
        assert compiled.keys() == generic.keys()
        assert all(compiled[pair] == pytest.approx(generic[pair], rel=1e-5) for pair in compiled)

    def test_ties_are_hardly_longer_than_the_shortest(self):
        source = picture(14, (80, 90))
        graph = nonlocal_graph(source, torch.ones((80, 90), dtype=torch.bool), Clusters(torch.ones(5, 5, 3), 1, seed=0), neighbors=8, weight=2.0)
        colors = source.reshape(-1, 3).numpy()
        exact = cKDTree(colors).query(colors, 9)[0][:, 1:].mean()
        nodes, starts = flat_positions(graph), graph.starts.long()
        head = nodes[torch.repeat_interleave(torch.arange(len(nodes)), starts[1:] - starts[:-1])]
        found = np.linalg.norm(colors[head] - colors[nodes[graph.neighbors.long()]], axis=1).mean()
        assert found < 1.25 * exact

    @pytest.mark.parametrize("ties", [nonlocal_graph_cpu.ties, nonlocal_graph_torch.ties])
    def test_ties_are_the_nearest_colors_of_a_small_cluster(self, ties, monkeypatch):
        monkeypatch.setattr(nonlocal_graph_cpu, "ties", ties)
        monkeypatch.setattr("nct_core.transform.nonlocal_ties._WINDOW", 40)
        rng = np.random.default_rng(8)
        source = torch.from_numpy(rng.random((6, 8, 3)).astype(np.float32))
        features = torch.zeros(6, 8, 2)
        features[:, :4, 0], features[:, 4:, 1] = 1, 1
        graph = nonlocal_graph(source, torch.ones((6, 8), dtype=torch.bool), Clusters(features, 2, seed=0), neighbors=3, weight=2.0)
        colors, cols = source.reshape(-1, 3).numpy(), np.tile(np.arange(8), 6)
        expected = {}
        for p in range(48):
            members = [q for q in range(48) if q != p and (cols[q] <= 4 if cols[p] < 4 else cols[q] >= 3)]  # one cell dilated
            for q in sorted(members, key=lambda q: ((colors[p] - colors[q]) ** 2).sum())[:3]:
                weight = 2.0 / 3 * np.exp(1 - ((colors[p] - colors[q]) ** 2).sum() / 3)
                for pair in ((p, q), (q, p)):
                    expected[pair] = expected.get(pair, 0) + weight
        found = pairs(graph)
        assert found.keys() == expected.keys()
        assert all(found[pair] == pytest.approx(expected[pair], rel=1e-5) for pair in expected)

    def test_flat_colors_and_single_positions(self):
        clusters = Clusters(torch.ones(4, 4, 3), 10, seed=0)
        flat = nonlocal_graph(torch.full((40, 40, 3), 0.5), torch.ones((40, 40), dtype=torch.bool), clusters, neighbors=8, weight=2.0)
        assert float(flat.weights.sum()) == pytest.approx(2 * 2.0 * np.e * 1600, rel=1e-4)
        assert (
            nonlocal_graph(torch.zeros(1, 1, 3), torch.ones((1, 1), dtype=torch.bool), Clusters(torch.ones(1, 1, 3), 10, seed=0), neighbors=8, weight=2.0)
            is None
        )

    def test_transparent_positions_have_no_ties(self):
        valid = torch.ones((10, 10), dtype=torch.bool)
        valid[:5] = False
        graph = nonlocal_graph(torch.rand(10, 10, 3), valid, Clusters(torch.ones(2, 2, 3), 2, seed=0), neighbors=4, weight=2.0)
        assert not degree(graph)[:5].any() and (degree(graph)[5:] > 0).all()


def test_the_matrix_is_symmetric():
    source, guidance = picture(9, (7, 6)), picture(10, (7, 6))
    _, blocks, _ = normal_equations(source, guidance, torch.ones(7, 6), TermWeights(data=4.0, local=0.125, contrast=2.0))
    system = System(blocks, Grid(*edge_weights(source[..., 0], 0.25)), graph_of(source))
    x, y = torch.randn(2, 7, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((y * multiply(system, x)).sum(), (x * multiply(system, y)).sum(), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 5), (6, 1), (2, 2), (13, 18)])
def test_both_implementations_of_the_kernels_agree(shape):
    source, guidance = (picture(seed, (13, 18))[: shape[0], : shape[1]].contiguous() for seed in (11, 12))
    confidence = torch.rand(shape, generator=torch.Generator().manual_seed(3))
    agreement = torch.rand(shape, generator=torch.Generator().manual_seed(4))
    gain = 1 + 20 * agreement
    weights = TermWeights(data=4.0, local=0.125, contrast=2.0, deviation_floor=2.5)
    generic = _normal_equations(source, guidance, 4.0 * confidence * gain, gain, (2.0, 8.0, 8.0), 2.5)
    compiled = normal_equations(source, guidance, confidence, weights, agreement)
    for one, other in zip(compiled, generic):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    low = torch.rand(4, 3, 6, generator=torch.Generator().manual_seed(4)) * 1.5 - 0.25
    for one, other in zip(upsample_cpu.upsample(low, source, gain, 1e-6), _upsample(low, source, gain, 1e-6)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_least_of_all_weights_has_a_solution():
    source = torch.full((30, 40, 3), 0.5)
    solution = fit(source, picture(14, (30, 40)), torch.full((30, 40), 1e-6), None, TermWeights(data=1.0, local=0.0, contrast=0.0))
    assert torch.isfinite(solution.x).all()


@pytest.mark.parametrize("shape", [(40, 50), (64, 65)])
def test_without_smoothness_upsampling_is_bilinear(shape):
    low = torch.rand(8, 9, 6, generator=torch.Generator().manual_seed(5))
    up = torch.nn.functional.interpolate(low.permute(2, 0, 1)[None], size=shape, mode="bilinear")[0].permute(1, 2, 0)
    torch.testing.assert_close(EdgeAwareUpsampling(picture(13, shape))(low, weight=0.0).x, up, rtol=1e-4, atol=1e-5)
