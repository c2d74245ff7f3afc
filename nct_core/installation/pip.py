"""Runs pip with one line for each download in place of its own report, and says in a sentence why it failed.

Standard library only, Python >= 3.9: ``install.py`` uses it before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_RAW_SINCE = (24, 1)  # pip's first version that reports progress for programs
_REDIRECTIONS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")  # would put packages elsewhere than into the environment
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
    """Runs ``python -m pip arguments``, showing each download's name, size and progress.

    Args:
        python: the interpreter whose pip runs; the user's pip configuration and PIP_* variables are
            honored, but for those that would install into another place.
        arguments: pip's.
        log: a file at whose end everything that pip says is kept.

    Returns:
        Why it failed, as part of a sentence; empty if it did not.
    """
    command = [str(python), "-I", "-m", "pip", "--disable-pip-version-check"]
    command += [*arguments, *(["--progress-bar", "raw"] if _reports_progress(command) else [])]
    environment = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    )
    assert process.stdout is not None
    shown, lines = _Display(), []
    # pip's own --log has a line for every version of every package: megabytes that nobody can read.
    with process, open(log or os.devnull, "a", encoding="utf-8", errors="replace", buffering=1) as file:
        file.write(f"$ {' '.join(command)}\n")
        for line in process.stdout:
            shown.take(line.strip())
            if not line.startswith("Progress "):
                lines.append(line)
                file.write(line)
    shown.end()
    return _explain("".join(lines)) if process.returncode else ""


def _reports_progress(command: Sequence[str]) -> bool:
    version = subprocess.run([*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace").stdout
    match = re.match(r"pip (\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) >= _RAW_SINCE


class _Display:
    """One line for each download, rewritten in place on a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._open = False

    def take(self, line: str) -> None:
        download = re.match(r"Downloading (\S+?)(?:-[^-\s]*-[^-\s]*-[^-\s]*\.whl|\.tar\.gz|\.zip)(?:\.metadata)? \((.+)\)", line)
        progress = re.match(r"Progress (\d+) of (\d+)", line)
        if download and ".metadata" not in line:
            self.end()
            self._write(f"downloading {download[1].rpartition('/')[2]} ({download[2]})")
        elif progress and self._terminal and self._open and int(progress[2]):
            print(f"\r\033[K{self._text}: {100 * int(progress[1]) // int(progress[2])} %", end="", flush=True)
        elif line.startswith("Installing collected packages: "):
            self.end()
            names = line.partition(": ")[2].split(", ")
            self._write(f"unpacking {names[0] if len(names) == 1 else f'{len(names)} packages'}")

    def end(self) -> None:
        if self._open:
            print(flush=True)
        self._open = False

    def _write(self, text: str) -> None:
        self._text, self._open = f"   {text}", True
        print(self._text, end="", flush=True)


def _explain(output: str) -> str:
    for sign, words in _SIGNS.items():
        if sign in output:
            return words
    told, _, traceback = output.partition("ERROR: Exception:")  # pip's own headline over a traceback, which ends with the reason
    errors = [line.partition("ERROR: ")[2].strip() for line in told.splitlines() if line.startswith("ERROR: ")]
    reasons = [line for line in (traceback or told).splitlines() if line.strip() and not line.startswith((" ", "Traceback", "[notice]"))]
    if traceback or not any(errors):
        return f"pip says: {reasons[-1].strip() if reasons else 'nothing'}"
    return f"pip says: {next(error for error in reversed(errors) if error)}"
