"""The ends of the tone range: moved, the middle kept, never falling."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nct_core.transform.tone_ends import move_tone_ends

FLOATS = st.floats(0, 1, width=32)


def ramp(low: float, high: float) -> torch.Tensor:
    return torch.linspace(low, high, 10_000).reshape(100, 100)


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.95), (0.3, 0.8), (0.15, 0.98)])
def test_ends_go_where_they_are_wanted_and_the_middle_stays(low: float, high: float) -> None:
    moved = move_tone_ends(ramp(0.2, 0.9), (low, high), 1.0)
    assert abs(float(moved.quantile(0.01)) - low) < 0.01 and abs(float(moved.quantile(0.99)) - high) < 0.01
    assert abs(float(moved.quantile(0.5)) - 0.55) < 0.01


def test_half_of_the_way_and_none() -> None:
    assert abs(float(move_tone_ends(ramp(0.2, 0.9), (0.0, 0.9), 0.5).quantile(0.01)) - 0.1035) < 0.01
    assert (move_tone_ends(ramp(0.2, 0.9), (0.0, 1.0), 0.0) - ramp(0.2, 0.9)).abs().max() < 1e-3


@given(st.lists(FLOATS, min_size=1, max_size=40), FLOATS, FLOATS, FLOATS)
def test_order_is_kept_and_the_range_is_not_left(values: list[float], low: float, high: float, amount: float) -> None:
    lightness = torch.tensor(values)[None]
    moved = move_tone_ends(lightness, (min(low, high), max(low, high)), amount)
    assert moved.min() >= 0 and moved.max() <= 1
    assert (moved[0][lightness[0].argsort()].diff() >= -1e-6).all()
