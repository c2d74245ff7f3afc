"""The parameters of an analogy are checked as those of a transfer are."""

from __future__ import annotations

import pytest

from nct_core import AnalogyParams, InputError, TransferParams
from nct_core.contract.params import describe


def test_every_parameter_is_described_with_a_default_in_range() -> None:
    for parameter in describe(AnalogyParams):
        assert parameter.low <= parameter.default <= parameter.high
        assert parameter.effect and parameter.label


def test_the_two_sets_are_apart() -> None:
    assert {parameter.name for parameter in describe()} == set(TransferParams.__dataclass_fields__)
    with pytest.raises(InputError, match="unknown parameter 'bds_weight'"):
        AnalogyParams.from_mapping({"bds_weight": 1.0})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("content", 1.5, "content must lie between 0 and 1"),
        ("working_size", 64.0, "working_size must be a whole number"),
        ("seed", True, "seed must be a whole number"),
        ("content", float("nan"), "content must lie between 0 and 1"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AnalogyParams.from_mapping({name: value})
