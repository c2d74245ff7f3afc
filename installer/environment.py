"""The Python environment that runs the library: which Python, the virtual environment, its packages, the network weights."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nct_core.installation import paths, pip

from .console import Trouble, run_quietly, run_visibly, say

OLDEST, NEWEST = (3, 10), (3, 14)  # the Pythons for which the pinned torch has packages
PREFERRED = ("3.12", "3.13", "3.11", "3.14", "3.10")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_PROBE = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1], sys.maxsize > 2**32)"


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the library.

    Attributes:
        folder: the environment.
        project: the folder of install.py.
        editable: whether the library is used straight from ``project``, with the tools of the extra ``dev``.
        log: where pip's details go.
    """

    folder: Path
    project: Path
    editable: bool
    log: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return paths.environment_python(self.folder, platform.system())

    @property
    def _stamp(self) -> Path:
        return self.folder / "installed.json"

    def wanted(self) -> dict[str, str]:
        """Hashes of what a complete installation was made from."""
        code = [] if self.editable else sorted((self.project / "nct_core").rglob("*.py"))
        return {"packages": _hash([self.project / "pyproject.toml"]), "code": _hash(code), "project": str(self.project) if self.editable else ""}

    def present(self) -> dict[str, str]:
        """The same of what is installed; empty where there is nothing complete."""
        try:
            content = json.loads(self._stamp.read_text(encoding="utf-8"))
            intact = self.python.exists() and isinstance(content, dict)
            return content if intact else {}
        except (OSError, ValueError):
            return {}

    def install(self) -> None:
        """Makes the environment what it should be; does nothing where it is.

        Raises:
            Trouble: no suitable Python, no network, no space, or pip failed.
        """
        wanted, present = self.wanted(), self.present()
        if present == wanted:
            say(f"already there: {self.folder}")
            return
        same_packages = present.get("packages") == wanted["packages"] and not self.editable
        if not same_packages:
            self._create()
        self._stamp.unlink(missing_ok=True)
        say("the packages are there, putting in the library" if same_packages else "getting the packages (about 400 MB; with an NVIDIA GPU about 4 GB)")
        with tempfile.TemporaryDirectory() as scratch:
            # pip builds in the folder it is given: give it a copy, so that the project's own folder stays as it is.
            source = self.project if self.editable else _copy_project(self.project, Path(scratch))
            if self.editable:
                self._pip(["install", "--editable", f"{source}[dev]"])
            elif same_packages:
                self._pip(["install", "--no-deps", "--force-reinstall", str(source)])
            else:
                self._pip(["install", "--upgrade", str(source)])
        self._stamp.write_text(json.dumps(wanted), encoding="utf-8")
        say(f"ready: {self.folder}")

    def fetch_weights(self, backbone: str) -> None:
        """Obtains the network weights; what is wrong is said by the library, in a line of its own.

        Raises:
            Trouble: those asked for are not to be had.
        """
        if run_visibly([str(self.python), "-I", "-m", "nct_core.features.weights", "fetch", "--backbone", backbone], clean_environment()):
            raise Trouble("Stopped at the network weights; the line above says why and what to do.")

    def _create(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        free, needed = shutil.disk_usage(self.folder.parent).free >> 30, 9 if has_nvidia_gpu() else 4
        if free < needed:
            raise Trouble(f"The installation needs about {needed} GB of free space in {self.folder.parent}, there are {free} GB; make room and run it again.")
        python = find_python()
        say(f"making an environment with {python} in {self.folder}")
        run_quietly([python, "-m", "venv", "--clear", str(self.folder)], self.log, "The Python environment cannot be made")
        say("getting the newest pip, which gets the packages")
        problem = pip.run(self.python, ["install", "--upgrade", "pip"], self.log)
        if problem:
            raise Trouble(f"Packages cannot be installed: {problem} (details: {self.log})")

    def _pip(self, arguments: Sequence[str]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        problem = pip.run(self.python, [*arguments, *_cpu_index()], self.log)
        if problem:
            raise Trouble(f"The packages could not be installed: {problem} (details: {self.log})")


def find_python() -> str:
    """The Python to make environments with: this one if it is suitable, else one on PATH.

    Raises:
        Trouble: there is none; the message says what to install.
    """
    names = [f"python{version}" for version in PREFERRED] + ["python3", "python"]
    candidates = [sys.executable, *(path for path in map(shutil.which, names) if path)]
    problems = {candidate: _problem(candidate) for candidate in dict.fromkeys(candidates)}
    for candidate, problem in problems.items():
        if not problem:
            return candidate
    span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    advice = "on Debian and Ubuntu: sudo apt install python3-venv" if platform.system() == "Linux" else "from https://www.python.org"
    raise Trouble(
        f"This needs a Python {span} (64 bit, with venv); {sys.executable} {problems[sys.executable]}, and there is no other on PATH; install one ({advice})."
    )


def _problem(python: str) -> str:
    """Why a Python is not suitable; empty if it is."""
    try:
        done = subprocess.run([python, "-c", _PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "does not run"
    if done.returncode:
        return "has no venv" if "venv" in done.stderr or "ensurepip" in done.stderr else "does not run"
    major, minor, wide = done.stdout.split()
    if not OLDEST <= (int(major), int(minor)) <= NEWEST:
        return f"is {major}.{minor}"
    return "" if wide == "True" else "is a 32-bit one"


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is at work on this machine."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def clean_environment() -> dict[str, str]:
    """This process's variables without those that would change what our Python loads; pip's own are kept."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _cpu_index() -> list[str]:
    # PyPI's Linux torch brings gigabytes of CUDA; without a GPU PyTorch's own index has a small one, unless the user chose an index.
    chosen = [name for name in os.environ if name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONFIG_FILE")]
    if platform.system() != "Linux" or platform.machine() != "x86_64" or has_nvidia_gpu() or chosen:
        return []
    try:
        urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=5).close()
    except (OSError, ValueError):
        return []
    return ["--extra-index-url", CPU_INDEX]


def _copy_project(project: Path, scratch: Path) -> Path:
    target = scratch / "project"
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, target / name)
    shutil.copytree(project / "nct_core", target / "nct_core", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def _hash(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
