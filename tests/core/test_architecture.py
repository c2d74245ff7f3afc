"""The folders of the library depend on each other in one direction, and no two modules on each other."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nct_core

PACKAGE = Path(nct_core.__file__).parent
# Each may use those before it. "nct_core" stands for the public names.
ORDER = (
    *("contract", "installation", "runtime", "pixels", "look", "features", "guides", "matching", "solver", "guidance", "transform", "analogies"),
    *("result", "pipeline", "session", "nct_core", "files", "views", "worker", "cli", "__main__"),
)
STANDARD_LIBRARY_ONLY = ("contract", "installation")
DEVICE_FILES = ("kernels_cpu", "kernels_torch", "kernels_triton")


def module_name(path: Path) -> str:
    parts = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str) -> Iterator[str]:
    """The full names of all modules that a module imports, anywhere in it."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for name in node.names:
                yield f"{source}.{name.name}" if f"{source}.{name.name}" in MODULES else source


def own_imports(module: str) -> set[str]:
    return {name for name in imports(module) if name in MODULES and name != module}


def folder(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def test_every_folder_has_its_place() -> None:
    assert {folder(module) for module in MODULES} <= set(ORDER)


def test_dependencies_follow_the_order_of_the_folders() -> None:
    against = [f"{module} imports {used}" for module in MODULES for used in own_imports(module) if ORDER.index(folder(used)) > ORDER.index(folder(module))]
    assert against == []


def test_no_modules_import_each_other() -> None:
    order = list(graphlib.TopologicalSorter({module: own_imports(module) for module in MODULES}).static_order())  # raises where there is a circle
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_what_is_used_before_anything_is_installed_takes_the_standard_library_only(name: str) -> None:
    for module in MODULES:
        if folder(module) == name:
            others = {used for used in imports(module) if used not in MODULES}
            assert {used.partition(".")[0] for used in others} <= set(sys.stdlib_module_names), module


def test_the_contract_stands_alone() -> None:
    assert {folder(used) for module in MODULES if folder(module) == "contract" for used in own_imports(module)} == {"contract"}


def test_only_an_operator_uses_its_kernels() -> None:
    """What chooses the kernels of a device lies in their own folder."""
    for module in MODULES:
        for used in own_imports(module):
            if used.rpartition(".")[2] in DEVICE_FILES:
                assert used.rpartition(".")[0] in (module, module.rpartition(".")[0]), f"{module} imports {used}"
