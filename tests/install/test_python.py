"""Which Python is taken, and the true reason where the library cannot be installed, before anything is downloaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from installer import environment, python
from installer.console import Trouble
from installer.python import Facts

LINUX: dict[str, Any] = {"version": (3, 12), "system": "Linux", "machine": "x86_64", "libc": "2.36"}
MAC: dict[str, Any] = {"version": (3, 12), "system": "Darwin", "machine": "arm64", "macos": "14.6"}
WINDOWS: dict[str, Any] = {"version": (3, 12), "system": "Windows", "machine": "AMD64"}


@pytest.mark.parametrize("facts", [LINUX, MAC, WINDOWS, {**LINUX, "machine": "aarch64"}, {**LINUX, "libc": "2.28"}, {**MAC, "macos": "26.0"}])
def test_what_has_packages_is_fit(facts: dict[str, Any]) -> None:
    assert Facts(**facts).unfit() is None


@pytest.mark.parametrize(
    ("facts", "reason", "remedy"),
    [
        ({**LINUX, "implementation": "PyPy"}, "is PyPy", ""),
        ({**LINUX, "version": (3, 8)}, "is 3.8", ""),
        ({**LINUX, "version": (3, 15)}, "is 3.15", ""),
        ({**LINUX, "free_threaded": True}, "free-threaded", ""),
        ({**WINDOWS, "bits": 32}, "is a 32-bit one", ""),
        ({**LINUX, "libc": "musl"}, "uses musl, as Alpine", "glibc 2.28 or newer"),
        ({**LINUX, "libc": "2.27"}, "uses glibc 2.27", "upgrade the system"),
        ({**LINUX, "machine": "riscv64"}, "is for Linux on riscv64", "use x86_64 or aarch64"),
        ({**LINUX, "system": "FreeBSD"}, "is for FreeBSD on x86_64", "use x86_64 or aarch64"),
        ({**MAC, "machine": "x86_64"}, "Macs with an Intel processor", "M processor"),
        ({**MAC, "macos": "13.7"}, "runs on macOS 13.7", "upgrade macOS"),
        ({**WINDOWS, "machine": "ARM64"}, "Windows on ARM64", "64-bit Intel"),
    ],
)
def test_what_has_none_is_told_why(facts: dict[str, Any], reason: str, remedy: str) -> None:
    unfit = Facts(**facts).unfit()
    assert unfit is not None and reason in unfit.reason and remedy in unfit.remedy and bool(remedy) == bool(unfit.remedy)


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def says(facts: dict[str, Any]) -> str:
    return f"echo '{json.dumps({'implementation': 'CPython', 'bits': 64, 'free_threaded': False, 'libc': '', 'macos': '', **facts})}'"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only Python is this one."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "python3"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([says({**LINUX, "version": [3, 8]})], "is 3.8"),
        (["echo \"No module named 'ensurepip'\" >&2", "exit 1"], "has no venv"),
        ([says({**LINUX, "bits": 32})], "is a 32-bit one"),
        (["exit 9"], "does not run"),
        (["echo 3 12"], "does not run"),
        (["echo '[]'"], "does not run"),
    ],
)
def test_an_unsuitable_python_is_refused(lines: list[str], words: str, only: Path) -> None:
    script(only, *lines)
    with pytest.raises(Trouble, match=rf"needs a Python 3\.10 to 3\.14.*{words}, and there is no other on PATH; install one"):
        python.find_python()


def test_an_unsuitable_machine_is_refused_before_anything_is_made(only: Path, tmp_path: Path) -> None:
    script(only, says({**LINUX, "libc": "musl"}))
    library = environment.Environment(tmp_path / "data/venv", Path(__file__).resolve().parents[2], editable=False, log=tmp_path / "data/install.log")
    with pytest.raises(Trouble, match=r"^This does not run here: .*python3 uses musl.*; use a Linux system with glibc 2\.28 or newer\.$"):
        library.prepared()
    assert not (tmp_path / "data").exists()


def test_another_python_on_the_path_is_taken(only: Path, tmp_path: Path) -> None:
    (tmp_path / "python3.12").symlink_to(Path(shutil.which("python3", path="/usr/local/bin:/usr/bin") or "/nowhere").resolve())
    script(only, says({**MAC, "machine": "x86_64"}))
    assert python.find_python() == str(tmp_path / "python3.12")


def test_this_python_tells_its_facts() -> None:
    said = json.loads(subprocess.run([sys.executable, "-c", python._PROBE], capture_output=True, text=True, check=True, timeout=60).stdout)
    assert said.keys() == set(Facts.__dataclass_fields__)
    assert tuple(said["version"]) == sys.version_info[:2] and said["bits"] == 64 and said["implementation"] == "CPython"
