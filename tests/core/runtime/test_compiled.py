"""Compiled code that is kept on the disk: used again as it is, and never where a part of it has changed in another file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nct_core

PARTS = """
from nct_core.runtime.compiled import compiled

FACTOR = {factor}

@compiled()
def added(x):
    return x + {added}
"""
KERNEL = """
from parts import FACTOR, added
from nct_core.runtime.compiled import compiled

@compiled()
def kernel(x):
    return FACTOR * added(x)
"""
NOTHING_CAN_BE_WRITTEN = """
import builtins, errno, tempfile
plain = builtins.open
def refused(file, mode="r", *arguments, **options):
    if set(mode) & set("wax+"):
        raise OSError(errno.EROFS, "Read-only file system", file)
    return plain(file, mode, *arguments, **options)
def no_file(*arguments, **options):
    raise OSError(errno.EROFS, "Read-only file system")
builtins.open, tempfile.TemporaryFile = refused, no_file
"""
PROGRAM = """
import kernels
print(kernels.kernel(3), sum(kernels.kernel.stats.cache_hits.values()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"factor": 5}, {"added": 6}])
def test_a_change_in_another_file_is_compiled_anew(tmp_path: Path, changed: dict[str, int]) -> None:
    def run(**parts: int) -> list[int]:
        (tmp_path / "parts.py").write_text(PARTS.format(**parts))
        search = os.pathsep.join([str(tmp_path), str(Path(nct_core.__file__).parents[1])])
        environment = {**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [int(word) for word in done.stdout.split()]

    (tmp_path / "kernels.py").write_text(KERNEL)
    parts = {"factor": 2, "added": 1}
    assert run(**parts) == [8, 0]
    assert run(**parts) == [8, 1]
    parts |= changed
    assert run(**parts) == [parts["factor"] * (3 + parts["added"]), 0]


def test_every_kept_function_goes_through_the_one_decorator() -> None:
    package = Path(nct_core.__file__).parent
    assert [path.name for path in package.rglob("*.py") if "cache=True" in path.read_text()] == []


@pytest.mark.slow
@pytest.mark.parametrize("left", [False, True])
def test_where_nothing_can_be_written_it_works_with_a_word(tmp_path: Path, left: bool) -> None:
    """``left``: compiled code that was put beside the code before is used."""
    (tmp_path / "parts.py").write_text(PARTS.format(factor=2, added=1))
    (tmp_path / "kernels.py").write_text(KERNEL)
    search = os.pathsep.join([str(tmp_path), str(Path(nct_core.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"}
    if left:
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, timeout=120)
        assert list(tmp_path.glob("__pycache__/kernels.kernel-*.nbc"))
    done = subprocess.run([sys.executable, "-c", NOTHING_CAN_BE_WRITTEN + PROGRAM], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["8", "1" if left else "0"], done.stderr
    assert done.stderr.count("compiled code cannot be kept (Read-only file system)") == (0 if left else 1)
