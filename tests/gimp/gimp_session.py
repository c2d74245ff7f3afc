"""A GIMP without windows that calls functions of the package ``inside``."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hosts

PROJECT = Path(__file__).resolve().parents[2]
TESTS = Path(__file__).parent
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Gimp:
    """A GIMP with the plug-in installed.

    Attributes:
        host: where it runs.
        home: the HOME that it sees, with its user folder; also seen at the same path inside.
    """

    host: hosts.Host
    home: Path

    @property
    def plugin(self) -> Path:
        """The folder of the installed plug-in."""
        return self.home / ".config" / "GIMP" / self.host.minor / "plug-ins" / "neural_color_transfer"

    @property
    def log(self) -> Path:
        """The worker's log."""
        return self.home / "nct.log"

    def call(self, function: str, **arguments: Any) -> Any:
        """Starts GIMP without windows, calls a function of a module of ``inside`` there and returns what it returns; see :meth:`start`."""
        return self.result(self.start(function, **arguments))

    def start(self, function: str, *, module: str = "procedure", started_in: Path | None = None, **arguments: Any) -> subprocess.Popen[str]:
        """Like :meth:`call`, but returns at once; :meth:`result` waits. ``started_in`` is a folder within ``home``, else GIMP starts in the root."""
        answer = self.home / "answer.json"
        answer.unlink(missing_ok=True)
        code = f"import json, pathlib, sys; sys.path.extend({[str(TESTS), str(self.plugin)]!r}); from inside.{module} import {function}; "
        code += f"answer = {function}(**json.loads({json.dumps(arguments)!r})); pathlib.Path({str(answer)!r}).write_text(json.dumps(answer))"
        command = [self.host.console, "-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", code]
        if started_in is not None:
            command = ["sh", "-c", 'cd "$0" && exec "$@"', str(started_in), *command]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return self.host.popen(command, binds=[self.home, PROJECT], outer=[sys.executable], env={"HOME": str(self.home)}, **pipes)

    def result(self, process: subprocess.Popen[str]) -> Any:
        with process:
            try:
                output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            except BaseException:
                process.kill()
                raise
        answer = self.home / "answer.json"
        assert answer.is_file(), f"GIMP {self.host.version} gave no answer; it said:\n{output}"
        return json.loads(answer.read_text())
