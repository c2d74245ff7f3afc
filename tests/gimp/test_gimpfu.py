"""Classic scripts with the package gimpfu in a real GIMP."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from gimp_session import PROJECT, Gimp

pytestmark = pytest.mark.gimp

SCRIPTS = PROJECT / "docs" / "gimpfu"
SUCCESS = 3


@pytest.fixture(scope="module")
def facts(gimp: Gimp) -> dict[str, Any]:
    """What GIMP told of the scripts, installed as docs/gimpfu.md says."""
    for script in sorted(SCRIPTS.iterdir()):
        folder = gimp.plugin.parent / script.name
        shutil.copytree(script, folder, dirs_exist_ok=True)
        (folder / f"{script.name}.py").chmod(0o755)
        shutil.copytree(gimp.plugin / "gimpfu", folder / "gimpfu", dirs_exist_ok=True)
    return gimp.call("classic", module="classic")


def test_a_filter_with_sliders(facts: dict[str, Any]) -> None:
    assert facts["warm light"]["arguments"] == ["run-mode", "image", "drawables", "warmth", "contrast", "keep"]
    assert facts["warm light"]["defaults"] == [30.0, 10.0, True]
    assert (facts["warm light"]["status"], facts["warm light"]["layers"]) == (SUCCESS, 2)
    red, green, blue = facts["warm light"]["pixel"]
    assert red > green > blue
    assert facts["warm light"]["source pixel"] == [128, 128, 128]


def test_a_script_that_makes_an_image(facts: dict[str, Any]) -> None:
    assert facts["plain card"]["arguments"] == ["run-mode", "size", "color", "frame", "frame-color"]
    assert facts["plain card"]["status"] == SUCCESS
    assert facts["plain card"]["size"] == [480, 640]
    assert (facts["plain card"]["corner"], facts["plain card"]["middle"]) == ([120, 60, 20], [255, 240, 200])


def test_values_out_of_range_are_refused(facts: dict[str, Any]) -> None:
    assert facts["plain card"]["frame of 1000"] == 20
