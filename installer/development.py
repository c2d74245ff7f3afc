"""``install.py --test``: an environment for development in ./.venv, the GIMPs to test in, and all checks."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nct_core.installation import paths

from .console import Trouble, heading, run_visibly, say
from .environment import Environment, clean_environment

CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
)
TESTS = ("tests", ["pytest", "-n", "2"])  # last: their closing line is the last thing to read


def test(project: Path, backbone: str) -> int:
    """Sets up what is missing and runs every check; the exit status is that of the first check that failed, else 0.

    Raises:
        Trouble: the environment cannot be made, or in CI a GIMP cannot.
    """
    failed: dict[str, int] = {}

    def check(name: str, command: list[str]) -> None:
        heading(f"{name}: {' '.join(command)}" + (f" (failed before: {', '.join(failed)})" if failed else ""))
        if status := run_visibly([str(environment.python), "-m", *command], clean_environment()):
            failed[name] = status

    with ThreadPoolExecutor() as beside:  # which mostly waits for the network, as the environment does
        gimps = beside.submit(_make_gimps, project)
        heading("The environment for development")
        environment = Environment(project / ".venv", project, editable=True, log=project / ".venv" / "install.log")
        environment.prepared()
        environment.fetch_weights(backbone)
        for name, command in CHECKS:
            check(name, command)
        heading("GIMPs to test in")
        made = gimps.result()
    print(made.stdout, end="", flush=True)
    if made.returncode:
        if os.environ.get("CI") == "true":
            raise Trouble("In CI the tests in GIMP must run, and a GIMP is missing; the lines above say why.")
        say("the tests in the missing GIMPs are skipped")
    check(*TESTS)
    return next(iter(failed.values()), 0)


def _make_gimps(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "tests/gimp/hosts.py"), "make"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def cache_folder(machine: paths.Machine) -> Path:
    """Where the GIMPs for the tests are kept (see tests/gimp/hosts.py)."""
    return machine.variable("XDG_CACHE_HOME", machine.home / ".cache") / paths.APPLICATION
