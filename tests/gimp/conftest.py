"""Both GIMPs, each with the plug-in in a user folder of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hosts
import pytest
from gimp_session import PROJECT, Gimp

from installer import plugin as plugin_installer


@pytest.fixture(scope="session", params=["3.0", "3.2"])
def gimp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gimp:
    try:
        host = hosts.find(request.param)
    except hosts.HostMissing as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every GIMP must be there: {reason}")
        pytest.skip(str(reason))
    home = tmp_path_factory.mktemp(f"gimp-{request.param}-")
    made = Gimp(host, home)
    plugin_installer.install(PROJECT, made.plugin.parents[1], Path(sys.executable), made.log)
    return made
