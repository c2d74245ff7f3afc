"""A real worker on real pipes, and the plug-in as install.py installs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from connection import REFERENCE_SHAPE, SHAPE, Connection
from pictures import blobs

from installer import plugin as plugin_installer
from nct_core.contract.messages import Hello

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = Connection()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def greeted() -> Iterator[Connection]:
    """A worker that has said hello and has the images "s" and "r"; shared, for tests that leave it as it is."""
    connection = Connection()
    assert isinstance(connection.answer(), Hello)
    connection.send_image("s", blobs(1, SHAPE))
    connection.send_image("r", blobs(2, REFERENCE_SHAPE), role="reference")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the installed plug-in, whose modules can be imported meanwhile."""
    user_folder = tmp_path_factory.mktemp("GIMP")
    plugin_installer.install(PROJECT, user_folder, Path(sys.executable), user_folder / "nct.log")
    folder = user_folder / "plug-ins" / "neural_color_transfer"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder
