"""What the user sees, and the trouble that is to be expected."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Trouble(Exception):
    """The installation cannot go on; the message is one sentence for the user: what is wrong, what to do, where the details are."""


def heading(text: str) -> None:
    """Announces a step."""
    print(f"\n== {text}", flush=True)


def say(text: str) -> None:
    """Tells what happened in a step."""
    print(f"   {text}", flush=True)


def run_quietly(command: Sequence[str], log: Path, failure: str) -> None:
    """Runs a command whose output goes to the end of the log only.

    Raises:
        Trouble: it failed; the message is ``failure``, the command's last words and the log's path.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        raise Trouble(f"{failure}: {last_line(done.stdout)} (details: {log})")


def run_visibly(command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Runs a command that shows its own progress; returns its exit status."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
