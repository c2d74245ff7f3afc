"""The public names: complete, and cheap to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nct_core


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
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
