"""The texture of the source where the reference has none."""

import numpy as np
import pytest
import torch

from nct_core.transform import texture


def coefficients(slope, offset, shape):
    """The same transform of lightness everywhere, something at random for colors."""
    out = torch.rand(*shape, 6, generator=torch.Generator().manual_seed(0))
    out[..., 0], out[..., 1] = slope, offset
    return out


def grain(seed=1, shape=(80, 90), level=0.5, depth=0.05):
    """Even grain of up to ``depth`` about a level."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(level - depth, level + depth, shape).astype(np.float32))


def mapped(transform, lightness):
    return transform[..., 0] * lightness + transform[..., 1]


def test_slopes_that_suffice_stay_as_they_are():
    rng = np.random.default_rng(2)
    given = torch.from_numpy(rng.uniform(-1, 1, (70, 80, 6)).astype(np.float32))
    given[..., 0] = torch.from_numpy(rng.uniform(0.5, 3, (70, 80)).astype(np.float32))
    given[:3, :, 0] = 0.5
    given[10:20, :, 0] = 0.0
    kept = texture.keep(given, torch.from_numpy(rng.random((70, 80), np.float32)))
    enough = given[..., 0] >= 0.5
    assert torch.equal(kept[enough], given[enough]) and torch.equal(kept[..., 2:], given[..., 2:])
    assert (kept[..., 0] >= 0.5).all() and not torch.equal(kept[10:20, :, 1], given[10:20, :, 1])


@pytest.mark.parametrize("ground", [0.0, 1.0])
def test_grain_survives_a_black_or_white_ground(ground):
    lightness = grain()
    out = mapped(texture.keep(coefficients(0.0, ground, (80, 90)), lightness), lightness)
    assert ((out > 0) & (out < 1)).float().mean() > 0.995 and out.min() > -0.01 and out.max() < 1.01
    assert np.corrcoef(out.flatten(), lightness.flatten())[0, 1] > 0.95
    assert 0.35 < out.std() / lightness.std() < 0.65
    assert (out - ground).abs().mean() < 0.06  # the ground stays black or white but for the room that the grain needs


def test_what_is_brighter_than_its_neighbor_stays_brighter():
    lightness = grain(3)
    out = mapped(texture.keep(coefficients(0.0, 0.0, (80, 90)), lightness), lightness)
    before, after = lightness.diff(dim=1), out.diff(dim=1)
    clear = before.abs() > 0.01
    assert (torch.sign(before) == torch.sign(after))[clear].float().mean() > 0.98


def test_a_flat_ground_stays_flat():
    lightness = torch.full((64, 64), 0.4)
    out = mapped(texture.keep(coefficients(0.0, 0.2, (64, 64)), lightness), lightness)
    torch.testing.assert_close(out, torch.full((64, 64), 0.2), atol=1e-4, rtol=0)


def test_no_halo_grows_at_a_strong_edge():
    lightness = torch.full((90, 180), 0.2)
    lightness[:, 90:] = 0.8
    given = coefficients(0.2, 0.3, (90, 180))
    out, wanted = mapped(texture.keep(given, lightness), lightness), mapped(given, lightness)
    assert (out - wanted).abs().max() < 0.02
    # About a plain mean over the same window there would be one.
    radius = 2
    window = torch.nn.functional.avg_pool2d(lightness[None, None], 2 * radius + 1, 1, radius, count_include_pad=False)[0, 0]
    halo = 0.3 * (lightness - window)
    assert halo.abs().max() > 0.06


def test_small_changes_of_the_transform_change_little():
    lightness = grain(4, depth=0.1)
    for ground in (0.0, 0.3, 0.9):
        slopes = np.linspace(0, 1, 21)
        results = torch.stack([mapped(texture.keep(coefficients(slope, ground, (80, 90)), lightness), lightness) for slope in slopes])
        assert results.diff(dim=0).abs().max() < 0.06
    above, below = (texture.keep(coefficients(slope, 0.0, (80, 90)), lightness) for slope in (0.5, 0.5 - 1e-5))
    torch.testing.assert_close(above, below, atol=1e-4, rtol=0)
