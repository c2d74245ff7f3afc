"""What holds for all tests: how long one may take, and how examples are drawn."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

LONG_SECONDS = 900

if "PYTEST_XDIST_WORKER" in os.environ:  # threads that wait would spin otherwise, and the other process has work for the cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A loaded machine is slow to draw examples too, which says nothing of the code.
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives more time than pyproject.toml's to what starts GIMP or computes for long: a loaded machine takes ten times as long."""
    for item in items:
        if any(map(item.get_closest_marker, ("slow", "gimp", "window"))) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
