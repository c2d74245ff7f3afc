"""Finds the Python that environments are made with, and says why a machine cannot have one, before anything is downloaded."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from .console import Trouble

# The Pythons and systems for which the pinned torch has packages.
OLDEST, NEWEST = (3, 10), (3, 14)
PREFERRED = ("3.12", "3.13", "3.11", "3.14", "3.10")
OLDEST_GLIBC, OLDEST_MACOS = (2, 28), (14, 0)
MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",), "Windows": ("AMD64",)}

_PROBE = """
import json, os, platform, struct, sys, sysconfig, venv, ensurepip
print(json.dumps({
    "implementation": platform.python_implementation(), "version": sys.version_info[:2], "bits": 8 * struct.calcsize("P"),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")), "system": platform.system(), "machine": platform.machine(),
    "libc": "musl" if "musl" in str(sysconfig.get_config_var("SOABI")) else platform.libc_ver()[1], "macos": platform.mac_ver()[0],
}))
"""


@dataclass(frozen=True)
class Unfit:
    """Why a Python cannot be used.

    Attributes:
        reason: goes on after its name, as in "is 3.8".
        remedy: what helps where another Python does not; empty where one does.
    """

    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Facts:
    """What a Python says of itself and its system; the names are those of the module ``platform``."""

    implementation: str = "CPython"
    version: tuple[int, int] = OLDEST
    bits: int = 64
    free_threaded: bool = False
    system: str = field(default_factory=platform.system)
    machine: str = field(default_factory=platform.machine)
    libc: str = ""
    macos: str = ""

    def unfit(self) -> Unfit | None:
        """Why the library's packages cannot be installed there; None if they can.

        Example:
            >>> Facts(version=(3, 8)).unfit().reason
            'is 3.8'
        """
        if self.implementation != "CPython":
            return Unfit(f"is {self.implementation}")
        if not OLDEST <= self.version <= NEWEST:
            return Unfit(f"is {self.version[0]}.{self.version[1]}")
        if self.free_threaded:
            return Unfit("is a free-threaded one, for which not all packages are made")
        if self.bits != 64:
            return Unfit("is a 32-bit one")
        if self.machine not in MACHINES.get(self.system, ()):
            return self._unfit_machine()
        if self.libc == "musl":
            return Unfit("uses musl, as Alpine Linux does, and PyTorch needs glibc", "use a Linux system with glibc 2.28 or newer")
        if self.system == "Linux" and _numbers(self.libc) < OLDEST_GLIBC:
            return Unfit(f"uses glibc {self.libc}, and PyTorch needs 2.28 or newer", "upgrade the system (Debian 10, Ubuntu 20.04, RHEL 8 or newer)")
        if self.system == "Darwin" and _numbers(self.macos) < OLDEST_MACOS:
            return Unfit(f"runs on macOS {self.macos}, and PyTorch needs macOS 14 or newer", "upgrade macOS")
        return None

    def _unfit_machine(self) -> Unfit:
        if self.system == "Darwin":
            return Unfit("is for Macs with an Intel processor, for which PyTorch is no longer made", "on a Mac with an M processor, use a native Python")
        if self.system == "Windows":
            return Unfit(
                f"is for Windows on {self.machine}, for which PyTorch is not made", "install the Python for 64-bit Intel (x86-64), which Windows emulates"
            )
        return Unfit(f"is for {self.system} on {self.machine}, for which PyTorch is not made", f"use {' or '.join(MACHINES['Linux'])}")


def find_python() -> str:
    """The Python to make environments with: this one if it is suitable, else one on PATH.

    Raises:
        Trouble: there is none; the message says why and what helps.
    """
    names = [f"python{version}" for version in PREFERRED] + ["python3", "python"]
    candidates = [sys.executable, *(path for path in map(shutil.which, names) if path)]
    problems: list[tuple[str, Unfit]] = []
    for candidate in dict.fromkeys(candidates):
        problem = _problem(candidate)
        if problem is None:
            return candidate
        problems.append((candidate, problem))
    candidate, problem = next(((name, found) for name, found in problems if found.remedy), problems[0])
    if problem.remedy:
        raise Trouble(f"This does not run here: {candidate} {problem.reason}; {problem.remedy}.")
    span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    advice = "on Debian and Ubuntu: sudo apt install python3-venv" if platform.system() == "Linux" else "from https://www.python.org"
    raise Trouble(f"This needs a Python {span} (64 bit, with venv); {candidate} {problem.reason}, and there is no other on PATH; install one ({advice}).")


def _problem(python: str) -> Unfit | None:
    environment = {**os.environ, "SYSTEM_VERSION_COMPAT": "0"}  # else macOS tells some programs that it is 10.16
    try:
        done = subprocess.run([python, "-c", _PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=environment)
        if done.returncode:
            return Unfit("has no venv" if "venv" in done.stderr or "ensurepip" in done.stderr else "does not run")
        facts: dict[str, Any] = json.loads(done.stdout)
        return Facts(**{**facts, "version": tuple(facts["version"])}).unfit()
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return Unfit("does not run")


def _numbers(version: str) -> tuple[int, ...]:
    """A version as numbers; one that is not known counts as new enough."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (99,)
