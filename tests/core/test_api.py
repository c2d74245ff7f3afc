"""The public names: complete, and cheap to import."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import nct_core
from nct_core.cli.arguments import parse
from nct_core.contract.params import describe

# What 0.1.0 promises: later versions may add to it (with defaults), widen it, and take nothing away.
ERRORS = {
    "Cancelled": "canceled",
    "ConvergenceError": "convergence",
    "DeviceError": "device",
    "InputError": "input",
    "NctError": "error",
    "ProtocolError": "protocol",
    "WeightsError": "weights",
}
PARAMETERS = {
    "strength": (0.0, 1.0),
    "content": (0.0, 1.0),
    "bds_weight": (0.0, 4.0),
    "keep_lightness": (0.0, 1.0),
    "working_size": (64, 2000),
    "edge_smoothness": (0.0, 1.0),
    "local_weight": (0.0, 10.0),
    "contrast_weight": (0.0, 100.0),
    "nonlocal_weight": (0.0, 20.0),
    "nonlocal_neighbors": (1, 32),
    "clusters": (1, 64),
    "match_drift": (1.0, 100.0),
    "patchmatch_iterations": (1, 50),
    "seed": (0, 2**31 - 1),
}
SIGNATURES: dict[str, tuple[list[str], list[str]]] = {  # by position, by keyword
    "transfer": (["source", "references", "params"], ["onto", "device", "weights_path", "names", "progress", "cancel", "observer"]),
    "ColorTransform.apply": (["self", "image", "strength", "keep_lightness"], []),
    "TransferParams.from_mapping": (["values"], []),
}
RESULT = ("image", "transform", "shares", "backbone", "device", "seconds", "matches", "confidence", "correspondences", "correspondences_in", "labels", "sized")
OPTIONS = ("output", "correspondences", "labels", "maps", "confidence", "device", "weights", "json", "quiet", "debug")


def test_every_public_name_is_there() -> None:
    assert [name for name in nct_core.__all__ if not hasattr(nct_core, name)] == []
    assert issubclass(nct_core.InputError, nct_core.NctError)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'transmute'"):
        nct_core.transmute  # noqa: B018


def test_functions_stay_functions_when_their_modules_are_loaded() -> None:
    import nct_core.analogies.pipeline
    import nct_core.pipeline

    assert callable(nct_core.analogy) and callable(nct_core.transfer)


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, nct_core; print([name for name in ('torch', 'numpy', 'pyvips', 'numba') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout == "[]\n"


def test_errors_keep_their_names_and_codes() -> None:
    for name, code in ERRORS.items():
        error = getattr(nct_core, name)
        assert issubclass(error, nct_core.NctError) and error.code == code
        assert str(error("words")) == "words"


def test_parameters_keep_their_names_and_ranges() -> None:
    """Settings that 0.1.0 stored are read: scripts' values, GIMP's, and those on the pipe."""
    now = {parameter.name: parameter for parameter in describe()}
    for name, (low, high) in PARAMETERS.items():
        assert now[name].low <= low and high <= now[name].high
        assert now[name].integer == isinstance(low, int)
        for value in (low, high):
            assert getattr(nct_core.TransferParams.from_mapping({name: value}), name) == value


@pytest.mark.parametrize("name", SIGNATURES)
def test_functions_keep_their_arguments(name: str) -> None:
    function: Any = nct_core
    for part in name.split("."):
        function = getattr(function, part)
    by_position, by_keyword = SIGNATURES[name]
    parameters = inspect.signature(function).parameters
    assert list(parameters)[: len(by_position)] == by_position
    for given in by_keyword:
        assert parameters[given].default is not inspect.Parameter.empty
    others = [parameter for other, parameter in parameters.items() if other not in (*by_position, *by_keyword)]
    assert all(parameter.default is not inspect.Parameter.empty for parameter in others)


def test_results_keep_their_attributes() -> None:
    there = {field.name for field in dataclasses.fields(nct_core.TransferResult)} | set(dir(nct_core.TransferResult))
    assert set(RESULT) <= there


def test_the_command_keeps_its_options() -> None:
    commands: dict[str, Callable[[object], int]] = dict.fromkeys(("transfer", "series", "apply", "analogy", "doctor"), lambda options: 0)
    options = parse(["transfer", "a.png", "b.png", "c.png", "-o", "d.png"], commands)
    assert set(OPTIONS) <= vars(options).keys() and len(options.references) == 2
    assert {f"parameter_{name}" for name in PARAMETERS} <= vars(options).keys()
    assert parse(["transfer", "a", "b", "-o", "c", "--bds", "1"], commands).parameter_bds_weight == 1.0
    assert parse(["doctor", "--json"], commands).json
