"""install.py with stand-ins for what takes long (the packages, the weights, the first transfer), which can fail or be killed at any step.

As a program: ``python install_steps.py HOME PROJECT STEP`` installs and is killed before its STEPth step.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from installer import demo, environment, main
from nct_core.installation import paths, pip

LIBRARY = "library.txt"  # stands for the library in an environment: what it was made from
WEIGHTS = f"share/{paths.APPLICATION}/weights"


def make_project(folder: Path, text: str = "1", requirement: str = "numpy>=2") -> Path:
    """A project whose library is a text."""
    (folder / "nct_core").mkdir(parents=True, exist_ok=True)
    (folder / "nct_core/text.txt").write_text(text)
    (folder / "pyproject.toml").write_text(f'[project]\ndependencies = [\n    "torch==2.0.0",\n    "{requirement}",\n]\n\n[tool.ruff]\nline-length = 100\n')
    for name in ("README.md", "LICENSE"):
        (folder / name).write_text("")
    return folder


class Steps:
    """The stand-ins; ``names`` are the steps that were taken, ``problem`` may fail one of them."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.names: list[str] = []
        self.problem: Callable[[str], str] = lambda name: ""

    def replace(self, patch: pytest.MonkeyPatch) -> None:
        rename = Path.rename
        patch.setattr(main, "PROJECT", self.project)
        patch.setattr(environment, "run_quietly", self.make)
        patch.setattr(environment, "run_visibly", self.fetch)
        patch.setattr(pip, "run", self.run)
        patch.setattr(pip, "configuration", lambda python: {"index-url": "http://127.0.0.1:9"})
        patch.setattr(demo, "warm_up", lambda library: self.check("transfer", library))
        patch.setattr(main, "worker_hello", lambda command: self.step("worker") or "answers")
        patch.setattr(paths, "gimp_programs", lambda machine: [])
        patch.setattr(Path, "rename", lambda path, target: (self.step("rename"), rename(path, target))[1])

    def step(self, name: str) -> str:
        self.names.append(name)
        return self.problem(name)

    def make(self, command: Sequence[str], log: Path, failure: str) -> None:
        self.step("venv")
        subprocess.run([*command[:3], "--without-pip", *command[3:]], check=True, timeout=60)

    def run(self, python: Path, arguments: Sequence[str], log: Path | None = None) -> str:
        folder = python.parents[1]
        if arguments[-1] == "pip":
            return self.step("pip")
        for name in (LIBRARY, "bin/nct"):  # as pip does, also where it is ended in the middle
            (folder / name).unlink(missing_ok=True)
        problem = self.step("packages")
        if not problem:
            source = next(Path(argument) for argument in arguments if Path(argument).is_absolute())
            (folder / LIBRARY).write_text((source / "nct_core/text.txt").read_text())
            (folder / "bin/nct").write_text(f"#!{python}\n")
            (folder / "bin/nct").chmod(0o755)
        return problem

    def fetch(self, command: Sequence[str], variables: Any) -> int:
        weights = Path(command[0]).parents[1] / WEIGHTS
        if not weights.exists():
            self.step("download")
            weights.parent.mkdir(parents=True, exist_ok=True)
            weights.write_text("weights")
        return bool(self.step("weights"))

    def check(self, name: str, library: environment.Environment) -> None:
        problem = self.step(name)
        if problem or not (library.folder / LIBRARY).exists():
            raise main.Trouble(problem or "there is no library")


def kill_before(step: int) -> Callable[[str], str]:
    """A problem that ends this process before its ``step``th step."""
    left = [step]

    def problem(name: str) -> str:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return ""

    return problem


if __name__ == "__main__":
    steps = Steps(Path(sys.argv[2]))
    steps.problem = kill_before(int(sys.argv[3]))
    steps.replace(pytest.MonkeyPatch())
    main.install(paths.Machine("Linux", {}, Path(sys.argv[1])), "auto")
