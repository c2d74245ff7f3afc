"""Reports what is installed and whether it works, for ``nct doctor``; :func:`report` loads torch."""

from __future__ import annotations

import json as json_module
import platform
import sys
from typing import Any

from .. import __version__
from ..contract.errors import NctError
from ..installation import paths
from ..installation.gimp import installed_worker
from ..installation.worker import worker_command, worker_hello

PROBLEM = "PROBLEM: "


def report() -> list[tuple[str, str]]:
    """Collects everything that a bug report needs, as (what, value) rows; a value that starts with :data:`PROBLEM` needs attention."""
    machine = paths.Machine()
    return [
        ("neural-color-transfer", __version__),
        ("Python", f"{platform.python_version()}, {sys.executable}"),
        ("System", platform.platform()),
        *_torch_rows(),
        *_weights_rows(),
        *_gimp_rows(machine),
        ("Worker", _answer(lambda: worker_hello(worker_command(sys.executable)))),
        ("Log", str(paths.log_file(machine))),
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
    from ..runtime import backend

    rows = [("torch", str(torch.__version__))]
    for name in backend.candidates("auto"):
        rows.append(("Device", _answer(lambda name=name: backend.start(name).name)))
    return rows


def _weights_rows() -> list[tuple[str, str]]:
    from ..features import weights

    try:
        file = weights.find()
        weights.load(file)
        return [("Backbone", file.backbone), ("Weights", str(file.path)), ("SHA-256", f"{weights.sha256_of(file.path)}, verified")]
    except (NctError, ImportError) as error:
        return [("Weights", f"{PROBLEM}{error}")]


def _gimp_rows(machine: paths.Machine) -> list[tuple[str, str]]:
    rows = [("GIMP", f"{gimp.version}, {gimp.program}") for gimp in paths.gimp_programs(machine)]
    rows += [("GIMP", f"in a sandbox ({name})") for name in paths.sandboxes(machine)]
    for folder in paths.gimp_user_folders(machine):
        worker = installed_worker(folder)
        if worker is None:
            rows.append(("Plug-in", f"not installed in {folder}; run install.py"))
        elif worker.get("version") != __version__:
            rows.append(("Plug-in", f"{PROBLEM}version {worker.get('version')} in {folder}, expected {__version__}; run install.py again"))
        else:
            rows.append(("Plug-in", f"installed in {paths.plugin_folder(folder)}"))
    return rows or [("GIMP", "no GIMP 3 found; install it, start it once and run install.py again")]
