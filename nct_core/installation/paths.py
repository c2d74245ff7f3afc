"""Where things are on the user's machine: our own data folder, GIMP's user folders and its program.

Every function takes the system's name, the environment and the home folder, so that each system's answer can be tested on any.
Standard library only, Python >= 3.9: ``install.py`` uses it before anything is installed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

APPLICATION = "neural-color-transfer"
PLUGIN = "neural_color_transfer"
_GIMP_NAMES = ("gimp-console-3.4", "gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console")


@dataclass(frozen=True)
class Machine:
    """The system, environment and home folder that the paths depend on; by default those of this machine and user."""

    system: str = field(default_factory=platform.system)  # "Linux", "Darwin", "Windows"
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=Path.home)

    def variable(self, name: str, default: Path) -> Path:
        """The folder that an environment variable names, else ``default``."""
        return Path(self.environment.get(name) or default)


def data_folder(machine: Machine) -> Path:
    """The project's folder in the user's data: the Python environment and the logs."""
    if machine.system == "Darwin":
        return machine.home / "Library/Application Support" / APPLICATION
    if machine.system == "Windows":
        return machine.variable("LOCALAPPDATA", machine.home / "AppData/Local") / APPLICATION
    return machine.variable("XDG_DATA_HOME", machine.home / ".local/share") / APPLICATION


def log_file(machine: Machine) -> Path:
    """The worker's log."""
    return data_folder(machine) / "nct.log"


def environment_python(environment: Path, system: str) -> Path:
    """The Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if system == "Windows" else "bin/python")


def gimp_user_roots(machine: Machine) -> list[Path]:
    """The folders that hold GIMP's user folders 3.0, 3.2 ...; the first is that of a GIMP without a sandbox."""
    if machine.system == "Darwin":
        return [machine.home / "Library/Application Support/GIMP"]
    if machine.system == "Windows":
        return [machine.variable("APPDATA", machine.home / "AppData/Roaming") / "GIMP"]
    return [
        machine.variable("XDG_CONFIG_HOME", machine.home / ".config") / "GIMP",
        machine.home / ".var/app/org.gimp.GIMP/config/GIMP",
        machine.home / "snap/gimp/current/.config/GIMP",
    ]


def gimp_user_folders(machine: Machine) -> list[Path]:
    """The user folders of every GIMP 3.x that has been started: ``GIMP3_DIRECTORY`` and GIMP/3.0, GIMP/3.2 ..."""
    folders = [path for root in gimp_user_roots(machine) for path in sorted(root.glob("3.*")) if re.fullmatch(r"3\.\d+", path.name) and path.is_dir()]
    own = machine.environment.get("GIMP3_DIRECTORY")
    if own and Path(own).is_absolute() and Path(own).is_dir() and Path(own) not in folders:
        folders.append(Path(own))
    return folders


def plugin_folder(user_folder: Path) -> Path:
    """Where the plug-in lies in one of GIMP's user folders."""
    return user_folder / "plug-ins" / PLUGIN


def sandboxes(machine: Machine) -> list[str]:
    """Names of the sandboxes in which a GIMP is installed: "Flatpak", "Snap"."""
    flatpak = [machine.home / ".local/share/flatpak/app/org.gimp.GIMP", Path("/var/lib/flatpak/app/org.gimp.GIMP"), machine.home / ".var/app/org.gimp.GIMP"]
    snap = [machine.home / "snap/gimp", Path("/snap/gimp")]
    if machine.system != "Linux":
        return []
    return [name for name, paths in (("Flatpak", flatpak), ("Snap", snap)) if any(path.exists() for path in paths)]


@dataclass(frozen=True)
class Gimp:
    """A GIMP 3 that can be started without windows; ``version`` as in "3.0.4"."""

    program: Path
    version: str

    @property
    def minor(self) -> str:
        """The name of its user folder, as in "3.0"."""
        return self.version.rpartition(".")[0]


def gimp_programs(machine: Machine) -> list[Gimp]:
    """Every GIMP 3 on PATH and, on macOS and Windows, where its installer puts it; one for each minor version."""
    found: dict[str, Gimp] = {}
    for program in _gimp_candidates(machine):
        version = _gimp_version(program)
        if version.startswith("3."):
            gimp = Gimp(program, version)
            found.setdefault(gimp.minor, gimp)
    return sorted(found.values(), key=lambda gimp: gimp.version)


def _gimp_candidates(machine: Machine) -> list[Path]:
    names = [shutil.which(name, path=machine.environment.get("PATH", "")) for name in _GIMP_NAMES]
    candidates = [Path(name) for name in names if name]
    if machine.system == "Darwin":
        candidates += sorted(Path("/Applications").glob("GIMP*.app/Contents/MacOS/gimp-console*"))
    if machine.system == "Windows":
        roots = [machine.variable("ProgramFiles", Path("C:/Program Files")), machine.variable("LOCALAPPDATA", machine.home / "AppData/Local") / "Programs"]
        candidates += sorted(program for root in roots for program in root.glob("GIMP 3*/bin/gimp-console*.exe"))
    return candidates


def _gimp_version(program: Path) -> str:
    try:
        text = subprocess.run([str(program), "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"\d+\.\d+\.\d+", text)
    return match.group() if match else ""
