import numpy as np
import pytest
import torch

from nct_core.features.fixed_point import UNIT, fixed_point
from nct_core.guidance.voting import CONFIDENCE_FLOOR, Guidance, vote
from nct_core.guidance.voting import kernels_cpu as voting_cpu
from nct_core.guidance.voting import kernels_torch as voting_torch
from nct_core.matching.consistency import Fields, agreement
from nct_core.matching.field import move_to_valid


def scene(seed, shape, to_shape, channels=8, holes=False):
    rng = np.random.default_rng(seed)
    features = [fixed_point(torch.from_numpy(rng.random((*s, channels)).astype(np.float32))) for s in (shape, to_shape)]
    colors = [torch.from_numpy(rng.random((*s, 3)).astype(np.float32)) for s in (shape, to_shape)]
    forward = torch.from_numpy(np.stack([rng.integers(0, n, shape) for n in to_shape], -1).astype(np.int32))
    backward = torch.from_numpy(np.stack([rng.integers(0, n, to_shape) for n in shape], -1).astype(np.int32))
    valid = [torch.from_numpy(rng.random(s) < 0.7 if holes else np.ones(s, bool)) for s in (shape, to_shape)]
    return (*features, *colors, Fields(move_to_valid(forward, valid[1]), move_to_valid(backward, valid[0])), *valid)


def oracle(source_features, features, source_colors, colors, fields, source_valid, valid, bds_weight):
    """Every vote by hand, in float64."""
    source_valid, valid, forward, backward = (plane.numpy() for plane in (source_valid, valid, fields.forward, fields.backward))
    (h, w), (to_h, to_w) = source_valid.shape, valid.shape
    payload = np.concatenate([features.numpy() / UNIT, colors.numpy()], -1)
    total, weights = np.zeros((h, w, payload.shape[-1])), np.zeros((h, w))

    def cast(i, j, k, m, weight):
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                p, q = (i + di, j + dj), (k + di, m + dj)
                if 0 <= p[0] < h and 0 <= p[1] < w and 0 <= q[0] < to_h and 0 <= q[1] < to_w and source_valid[p] and valid[q]:
                    total[p] += weight * payload[q]
                    weights[p] += weight

    for i, j in zip(*np.nonzero(source_valid)):
        cast(i, j, *forward[i, j], 1.0 / source_valid.sum())
    for k, m in zip(*np.nonzero(valid)):
        cast(*backward[k, m], k, m, bds_weight / valid.sum())
    voted = weights > 0
    mean = total / np.maximum(weights, 1e-300)[..., None]
    unit = mean[..., :-3] / np.maximum(np.linalg.norm(mean[..., :-3], axis=-1, keepdims=True), 1e-300)
    error = np.where(voted, -(unit * source_features.numpy() / UNIT).sum(-1), 1.0)
    return np.where(voted[..., None], mean[..., -3:], source_colors.numpy()), error, voted


@pytest.mark.parametrize("run", [voting_cpu.vote, voting_torch.vote])
@pytest.mark.parametrize("bds_weight", [0.0, 2.0])
@pytest.mark.parametrize("holes", [False, True])
def test_against_a_dense_oracle(run, bds_weight, holes, monkeypatch):
    monkeypatch.setattr(voting_cpu, "vote", run)
    args = scene(1, (9, 7), (6, 11), holes=holes)
    guidance = vote(*args, bds_weight=bds_weight)
    colors, error, truth_voted = oracle(*args, bds_weight)
    np.testing.assert_array_equal(guidance.voted.numpy(), truth_voted)
    np.testing.assert_allclose(guidance.colors.numpy(), colors, atol=2e-6)
    np.testing.assert_allclose(guidance.error.numpy(), error, atol=2e-6)
    assert torch.equal(guidance.agreement, agreement(args[4].forward, args[4].backward))


def test_identical_images_vote_themselves():
    features, _, colors, _, *_ = scene(2, (8, 8), (8, 8))
    rows, cols = np.mgrid[:8, :8]
    field, valid = torch.from_numpy(np.stack([rows, cols], -1)).int(), torch.ones(8, 8, dtype=torch.bool)
    guidance = vote(features, features, colors, colors, Fields(field, field), valid, valid, bds_weight=2.0)
    torch.testing.assert_close(guidance.colors, colors)
    torch.testing.assert_close(guidance.error, torch.full((8, 8), -1.0), atol=2e-4, rtol=0)  # rounded to whole numbers
    assert guidance.voted.all()


def test_confidence_spans_from_the_floor_to_one():
    error = torch.tensor([[-1.0, -0.5], [0.0, 1.0]])
    voted = torch.tensor([[True, True], [True, False]])
    confidence = Guidance(torch.zeros(2, 2, 3), error, voted, torch.zeros(2, 2)).confidence()
    torch.testing.assert_close(confidence, torch.tensor([[1.0, 0.5], [CONFIDENCE_FLOOR, CONFIDENCE_FLOOR]]))
    assert (Guidance(torch.zeros(2, 2, 3), torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), torch.zeros(2, 2)).confidence() == 1).all()
