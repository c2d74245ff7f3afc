"""The plug-in in GIMP's user folders: put in, checked, taken out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from nct_core import __version__
from nct_core.installation import paths
from nct_core.installation.gimp import installed_worker, plugin_answers
from nct_core.installation.worker import worker_command

from . import removal
from .console import say

SHARED = "nct_shared"  # the package beside the plug-in that nct_core.contract is copied to


def user_folders(machine: paths.Machine, programs: list[paths.Gimp]) -> list[Path]:
    """GIMP's user folders, also of GIMPs that have never been started.

    Such a GIMP is started once: it makes its folder itself, with the settings of an older GIMP, which it would not
    do if we had made it.
    """
    root = paths.gimp_user_roots(machine)[0]
    for gimp in programs:
        folder = root / gimp.minor
        if not folder.is_dir() and "GIMP3_DIRECTORY" not in machine.environment:
            say(f"starting GIMP {gimp.version} for the first time, so that it makes its folder")
            plugin_answers(gimp)
            folder.mkdir(parents=True, exist_ok=True)
    return paths.gimp_user_folders(machine)


def install(project: Path, user_folder: Path, python: Path, log: Path) -> bool:
    """Puts the plug-in into one user folder; False where exactly this one is there already."""
    wanted = _files(project, python, log)
    folder = paths.plugin_folder(user_folder)
    present = {name: (folder / name).read_bytes() for name in _installed(user_folder, wanted) if (folder / name).is_file()}
    if present == wanted:
        return False
    remove(project, user_folder)
    for name, content in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / f"{paths.PLUGIN}.py").chmod(0o755)
    return True


def remove(project: Path, user_folder: Path) -> removal.Removal:
    """Takes the plug-in out of one user folder; files in its folder that are not ours stay there."""
    folder = paths.plugin_folder(user_folder)
    if folder.is_symlink():  # somebody's own link, as developers make them: what it points to is not ours
        folder.unlink()
        return removal.Removal(folder, True, [])
    names = _installed(user_folder, _files(project, Path(), Path()))
    caches = {(PurePosixPath(name).parent / "__pycache__").as_posix() for name in names if name.endswith(".py")}
    return removal.remove(folder, [*names, *sorted(caches)])


def sandbox_can_start(sandbox: str, python: Path) -> bool:
    """Whether a GIMP in a sandbox can start the worker's Python."""
    if sandbox != "Flatpak" or not shutil.which("flatpak"):
        return False
    command = ["flatpak", "run", f"--command={python}", "org.gimp.GIMP", "-c", "import nct_core"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _files(project: Path, python: Path, log: Path) -> dict[str, bytes]:
    source = project / "plugin" / paths.PLUGIN
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in _content(source)}
    contract = project / "nct_core/contract"
    files.update({f"{SHARED}/{path.relative_to(contract).as_posix()}": path.read_bytes() for path in _content(contract)})
    worker = {"command": worker_command(str(python)), "log": str(log), "version": __version__, "files": [*sorted(files), "worker.json"]}
    files["worker.json"] = json.dumps(worker, indent=2).encode()
    return files


def _installed(user_folder: Path, files: Iterable[str]) -> list[str]:
    """The names of ``files`` and of what an earlier version put there, by its own account: files in the plug-in's folder and no others."""
    folder, told = paths.plugin_folder(user_folder), (installed_worker(user_folder) or {}).get("files")
    names = [name for name in told if isinstance(name, str)] if isinstance(told, list) else []
    return sorted({*files, *(name for name in names if removal.inside(folder, name) and (folder / name).is_file())})


def _content(folder: Path) -> list[Path]:
    """Returns the plug-in's files, without Python's caches and the texts from which its catalogs are compiled."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".po" and "__pycache__" not in path.parts)
