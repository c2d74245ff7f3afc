"""The plug-in's folders: what each may import, and that GIMP's oldest Python can read them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "plugin" / "neural_color_transfer"
MAY_IMPORT: dict[str, set[str]] = {
    "gimpfu": set(),
    "pixels": {"nct_shared"},
    "worker": {"nct_shared", "pixels"},
    "ui": {"nct_shared", "pixels", "worker", "gimpfu"},
    "neural_color_transfer.py": {"nct_shared", "pixels", "worker", "gimpfu", "ui"},
}
MODULES = sorted(PLUGIN.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The top-level packages that a module imports, without its own for relative imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, f"{file}: a relative import must stay in its folder"
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(PLUGIN).as_posix())
def test_a_module_imports_only_from_the_folders_before_its_own(file: Path) -> None:
    folder = file.relative_to(PLUGIN).parts[0]
    others = imported(file) - set(sys.stdlib_module_names) - {"gi"}
    assert others <= MAY_IMPORT[folder], f"{folder} must not import {sorted(others - MAY_IMPORT[folder])}"


@pytest.mark.parametrize("name", ["client", "session", "preview_engine"])
def test_what_runs_without_gimp_imports_no_gi(name: str) -> None:
    assert imported(PLUGIN / "worker" / f"{name}.py") - set(sys.stdlib_module_names) == {"nct_shared"}


def test_every_folder_has_its_rule() -> None:
    assert {file.relative_to(PLUGIN).parts[0] for file in MODULES} == set(MAY_IMPORT)
