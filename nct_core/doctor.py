"""What is installed and whether it works: the data of ``nct doctor``, and the checks with which ``install.py`` ends.

Importing this takes the standard library only (Python >= 3.9); torch is loaded by :func:`report`.
"""

from __future__ import annotations

import json as json_module
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from . import __version__, places, protocol
from .errors import NctError, ProtocolError

PROBLEM = "PROBLEM: "
PROCEDURE = "python-fu-neural-color-transfer"
_WORKER_SECONDS = 120
_GIMP_SECONDS = 180


def report() -> list[tuple[str, str]]:
    """Everything that a bug report needs, as (what, value) rows; a value that starts with :data:`PROBLEM` needs attention."""
    machine = places.Machine()
    return [
        ("neural-color-transfer", __version__),
        ("Python", f"{platform.python_version()}, {sys.executable}"),
        ("System", platform.platform()),
        *_torch_rows(),
        *_weights_rows(),
        *_gimp_rows(machine),
        ("Worker", _answer(lambda: worker_hello(worker_command(sys.executable)))),
        ("Log", str(places.log_file(machine))),
    ]


def main(json: bool = False) -> int:
    """Prints :func:`report`; the exit status is 1 if anything in it is a problem, else 0."""
    rows = report()
    problems = sum(value.startswith(PROBLEM) for _, value in rows)
    if json:
        print(json_module.dumps({"rows": [{"what": what, "value": value} for what, value in rows], "problems": problems}, indent=2))
    else:
        width = max(len(what) for what, _ in rows)
        for what, value in rows:
            print(f"{what:{width}}  {value}")
    return int(problems > 0)


def worker_command(python: str) -> list[str]:
    """The command line of the worker; -I keeps what lies in the current folder or in PYTHON* variables out of it."""
    return [python, "-I", "-m", "nct_core.worker"]


def worker_hello(command: Sequence[str]) -> str:
    """Starts a worker, waits for its hello and ends it.

    Args:
        command: the worker's command line.

    Returns:
        Its answer in words: version and backbone.

    Raises:
        ProtocolError: it cannot be started, or says something else.
    """
    start = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_", "GI_"))}
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
    except OSError as error:
        raise ProtocolError(f"expected to start {command[0]}, the system says: {error.strerror}; run install.py again") from error
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        deadline = threading.Timer(_WORKER_SECONDS, process.kill)
        deadline.start()
        try:
            header = protocol.read_header(cast(BinaryIO, process.stdout))
        finally:
            deadline.cancel()
            process.kill()
        words = process.stderr.read().decode(errors="replace").strip().splitlines()
    if header is None or header["type"] != "hello":
        said = words[-1] if words else f"{header}"
        raise ProtocolError(f"expected hello from the worker, it ended and said: {said}; run install.py again")
    return f"answers in {time.monotonic() - start:.1f} s, version {header['version']}, {header['backbone'] or 'no network weights'}"


def plugin_answers(gimp: places.Gimp) -> bool:
    """Starts a GIMP without windows and asks it for the plug-in's procedure."""
    script = f"print('found:', Gimp.get_pdb().lookup_procedure('{PROCEDURE}') is not None)"
    command = [str(gimp.program), "-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_GIMP_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return "found: True" in done.stdout


def installed_worker(user_folder: Path) -> dict[str, Any] | None:
    """The worker.json of the plug-in in one of GIMP's user folders; None if it is not installed there or not readable."""
    try:
        content = json_module.loads((places.plugin_folder(user_folder) / "worker.json").read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else None
    except (OSError, ValueError):
        return None


def _answer(ask: Any) -> str:
    try:
        return str(ask())
    except NctError as error:
        return f"{PROBLEM}{error}"


def _torch_rows() -> list[tuple[str, str]]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [("torch", f"{PROBLEM}it cannot be loaded ({error}); run install.py again")]
    from . import devices

    return [("torch", torch.__version__), ("Device", devices.describe(devices.resolve("auto")))]


def _weights_rows() -> list[tuple[str, str]]:
    from . import weights

    try:
        file = weights.find()
        weights.load(file)
        return [("Backbone", file.backbone), ("Weights", str(file.path)), ("SHA-256", f"{weights.sha256_of(file.path)}, verified")]
    except (NctError, ImportError) as error:
        return [("Weights", f"{PROBLEM}{error}")]


def _gimp_rows(machine: places.Machine) -> list[tuple[str, str]]:
    rows = [("GIMP", f"{gimp.version}, {gimp.program}") for gimp in places.gimp_programs(machine)]
    rows += [("GIMP", f"in a sandbox ({name})") for name in places.sandboxes(machine)]
    for folder in places.gimp_user_folders(machine):
        worker = installed_worker(folder)
        if worker is None:
            rows.append(("Plug-in", f"not installed in {folder}; run install.py"))
        elif worker.get("version") != __version__:
            rows.append(("Plug-in", f"{PROBLEM}version {worker.get('version')} in {folder}, expected {__version__}; run install.py again"))
        else:
            rows.append(("Plug-in", f"installed in {places.plugin_folder(folder)}"))
    return rows or [("GIMP", "no GIMP 3 found; install it, start it once and run install.py again")]
