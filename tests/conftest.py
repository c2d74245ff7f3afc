"""How long a test may take before it fails as one that hangs."""

from __future__ import annotations

import pytest

LONG_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives more time than pyproject.toml's to what starts GIMP or computes for long: a loaded machine takes ten times as long."""
    for item in items:
        if any(map(item.get_closest_marker, ("slow", "gimp", "window"))) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
