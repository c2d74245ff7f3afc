"""Fixtures of the weights' tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nct_core.features import weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights folder of an environment without weights."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    weights.folder().mkdir(parents=True)
    return weights.folder()
