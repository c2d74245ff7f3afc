"""How long a test may take before it fails as one that hangs."""

from __future__ import annotations

import pytest

LONG_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives more time than pyproject.toml's to what starts GIMP or computes for long: a loaded machine takes ten times as long."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("slow", "gimp", "window")):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
