"""Folders and pictures for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import picture

from nct_core.files.picture import Picture
from nct_core.files.write import write_picture


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A usable picture in a folder of its own."""
    (tmp_path / "good").mkdir()
    write_picture(tmp_path / "good" / "good.png", Picture(picture()[:, ::-1]))
    return tmp_path / "good" / "good.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the output goes."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"
