"""``install.py --test``: an environment for development in ./.venv, the GIMPs to test in, and all checks."""

from __future__ import annotations

import os
from pathlib import Path

from nct_core.installation import paths

from .console import Trouble, heading, run_visibly, say
from .environment import Environment, clean_environment

CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    ("tests", ["pytest", "-n", "2"]),  # last: its closing line is the last thing to read
)


def test(project: Path, backbone: str) -> int:
    """Sets up what is missing and runs every check; the exit status is that of the first check that failed, else 0.

    Raises:
        Trouble: the environment cannot be made, or in CI a GIMP cannot.
    """
    heading("The environment for development")
    environment = Environment(project / ".venv", project, editable=True, log=project / ".venv" / "install.log")
    environment.install()
    environment.fetch_weights(backbone)
    heading("GIMPs to test in")
    if run_visibly([str(environment.python), str(project / "tests/gimp/hosts.py"), "make"]):
        if os.environ.get("CI") == "true":
            raise Trouble("In CI the tests in GIMP must run, and a GIMP is missing; the lines above say why.")
        say("the tests in the missing GIMPs are skipped")
    failed: dict[str, int] = {}
    for name, command in CHECKS:
        heading(f"{name}: {' '.join(command)}" + (f" (failed before: {', '.join(failed)})" if failed else ""))
        status = run_visibly([str(environment.python), "-m", *command], clean_environment())
        if status:
            failed[name] = status
    return next(iter(failed.values()), 0)


def cache_folder(machine: paths.Machine) -> Path:
    """Where the GIMPs for the tests are kept (see tests/gimp/hosts.py)."""
    return machine.variable("XDG_CACHE_HOME", machine.home / ".cache") / paths.APPLICATION
