"""Runs pip, and explains in a sentence why it failed.

Standard library only, Python >= 3.9: ``install.py`` uses it before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_CONFIGURATION_SECONDS = 60
_REDIRECTIONS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")  # these would install packages outside of the environment
_SIGNS = {
    "No space left on device": "the disk is full; make room and try again",
    "new connection": "the package index cannot be reached; check the network and try again",
    "NameResolutionError": "the package index cannot be reached; check the network and try again",
    "CERTIFICATE_VERIFY_FAILED": "the package index's certificate is not trusted here; name your network's certificate in the variable PIP_CERT",
    "ReadTimeoutError": "the network is too slow or broke off; try again",
    "THESE PACKAGES DO NOT MATCH THE HASHES": "a package is not the published one (its SHA-256 differs); try again on another network",
    "from versions: none": "the package index cannot be reached, or has no such package for this Python; check the network and try again",
    "No module named pip": "this Python has no pip; install it (on Debian and Ubuntu: sudo apt install python3-pip) and try again",
}


def run(python: str | Path, arguments: Sequence[str], log: Path | None = None) -> str:
    """Runs ``python -m pip arguments``. pip shows what it does: on a terminal with progress bars, elsewhere a line for each step.

    Args:
        python: the interpreter whose pip runs; the user's pip configuration and PIP_* variables are
            honored, except those that would install elsewhere.
        arguments: arguments of pip.
        log: a file to which the command and pip's warnings and errors are appended.

    Returns:
        The reason of a failure as part of a sentence; empty on success.
    """
    command = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
    sys.stdout.flush()
    # pip's own --log has a line for every version of every package: megabytes of text.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", env=environment)
    with open(log or os.devnull, "a", encoding="utf-8", errors="replace") as file:
        file.write(f"$ {' '.join(command)}\n{done.stderr}")
    return _explain(done.stderr) if done.returncode else ""


def configuration(python: str | Path) -> dict[str, str]:
    """pip's settings, by their names without section ("index-url", "cert" ...): from its files and, before them, from PIP_* variables.

    Args:
        python: the interpreter whose pip is asked; its answer is empty where it has none.
    """
    command = [str(python), "-I", "-m", "pip", "config", "list"]
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_CONFIGURATION_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found = re.findall(r"^(global|download|install|:env:)\.([\w-]+)='(.*)'$", said, re.MULTILINE)
    return {name: value for section in ("global", "install", "download", ":env:") for where, name, value in found if where == section}


def _explain(output: str) -> str:
    for sign, words in _SIGNS.items():
        if sign in output:
            return words
    before_traceback, _, traceback = output.partition("ERROR: Exception:")  # pip's own headline over a traceback, which ends with the reason
    errors = [line.partition("ERROR: ")[2].strip() for line in before_traceback.splitlines() if line.startswith("ERROR: ")]
    reasons = [line for line in (traceback or before_traceback).splitlines() if line.strip() and not line.startswith((" ", "Traceback", "[notice]"))]
    if traceback or not any(errors):
        return f"pip says: {reasons[-1].strip() if reasons else 'nothing'}"
    return f"pip says: {next(error for error in reversed(errors) if error)}"
