"""The Python environment that runs the library: built beside the one in use, and put in its place once it answers."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nct_core.installation import paths, pip

from . import removal, torch_index
from .console import Trouble, run_quietly, run_visibly, say
from .python import find_python

STAMP, WARM = "installed.json", "warm.txt"  # written when the packages are complete, and when the kernels are compiled
NEW, OLD = ".new", ".old"  # what is added to the environment's name while it is built, and while it is replaced


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the library.

    Attributes:
        folder: the environment.
        project: the folder of install.py.
        editable: whether the library is used straight from ``project``, with the tools of the extra ``dev``.
        log: where pip's details go.
    """

    folder: Path
    project: Path
    editable: bool
    log: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return paths.environment_python(self.folder, platform.system())

    def wanted(self) -> dict[str, str]:
        """Hashes of what a complete installation is made from: the requirements, and the library's files."""
        code = [] if self.editable else sorted(path for path in (self.project / "nct_core").rglob("*") if _is_code(path))
        content = b"".join(path.relative_to(self.project).as_posix().encode() + b"\0" + path.read_bytes() + b"\0" for path in code)
        required = "\n".join(requirements(self.project, self.editable)).encode()
        return {"packages": _hash(required), "code": _hash(content), "project": str(self.project) if self.editable else ""}

    def present(self) -> dict[str, str]:
        """The same of what is installed; empty where there is nothing complete."""
        try:
            content = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
            intact = self.python.exists() and isinstance(content, dict)
            return content if intact else {}
        except (OSError, ValueError):
            return {}

    def prepared(self) -> Environment:
        """An environment that is what this one should be: this one, or a new one beside it. The one in use stays as it is.

        Raises:
            Trouble: no suitable Python, no network, no space, or pip failed.
        """
        self._clear_up()
        wanted = self.wanted()
        target = self if self.editable else dataclasses.replace(self, folder=self.folder.with_name(self.folder.name + NEW))
        for there in (self, target):
            if there.present() == wanted:
                say(f"already there: {there.folder}")
                return there
        base = next((there for there in (target, self) if there.present().get("packages") == wanted["packages"]), None)
        if base is None and not (self.editable and self.python.exists()):
            target._make()
        elif base is not None and base != target:
            _link(self.folder, target.folder)
        (target.folder / STAMP).write_text(json.dumps({**wanted, "code": ""} if base else {}), encoding="utf-8")  # it is not whole while pip is at work
        target._install(same_packages=base is not None and not self.editable)
        kept = Path("share", paths.APPLICATION)  # the weights, which no other package or version changes
        if target is not self and (self.folder / kept).is_dir():
            _link(self.folder / kept, target.folder / kept)
        (target.folder / STAMP).write_text(json.dumps(wanted), encoding="utf-8")
        return target

    def distrust(self) -> None:
        """Lets the next run build it anew: it does not answer."""
        (self.folder / STAMP).unlink(missing_ok=True)

    def take_place_of(self, used: Environment) -> None:
        """Makes ``used`` what this environment is. ``used`` stays as it was if that fails.

        Raises:
            Trouble: a program is using it, which Windows does not allow.
        """
        old = _beside(used.folder, OLD)
        _rename_in_scripts(self.python.parent, self.folder, used.folder)
        try:
            if used.folder.exists():
                used.folder.rename(old)
            self.folder.rename(used.folder)
        except OSError as error:
            used._clear_up()
            raise Trouble(f"{used.folder} cannot be replaced ({error.strerror or error}); close GIMP and run install.py again.") from error
        used._clear_up()

    def fetch_weights(self, backbone: str) -> None:
        """Obtains the network weights; what is wrong is said by the library, in a line of its own.

        Raises:
            Trouble: those asked for are not to be had.
        """
        if run_visibly([str(self.python), "-I", "-m", "nct_core.features.weights", "fetch", "--backbone", backbone], clean_environment()):
            raise Trouble("Stopped at the network weights; the line above says why and what to do.")

    def _clear_up(self) -> None:
        """Ends what an interrupted run began: the replaced environment comes back where there is none in its place, and goes otherwise."""
        old = _beside(self.folder, OLD)
        if old.exists() and not self.folder.exists():
            old.rename(self.folder)
        with contextlib.suppress(OSError):  # Windows keeps what is in use; the next run tries again
            removal.remove(self.folder.parent, [old.name])

    def _make(self) -> None:
        python = find_python()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        free, needed = shutil.disk_usage(self.folder.parent).free >> 30, 9 if torch_index.nvidia_card() else 4
        if free < needed:
            raise Trouble(f"The installation needs about {needed} GB of free space in {self.folder.parent}, there are {free} GB; make room and run it again.")
        say(f"making an environment with {python} in {self.folder}")
        run_quietly([python, "-m", "venv", "--clear", str(self.folder)], self.log, "The Python environment cannot be made")
        say("getting the newest pip, which gets the packages")
        self._pip(["install", "--upgrade", "pip"])

    def _install(self, *, same_packages: bool) -> None:
        say("the packages are there, putting in the library" if same_packages else "getting the packages (about 400 MB; with an NVIDIA GPU about 4 GB)")
        torch = next(requirement for requirement in requirements(self.project, False) if requirement.startswith("torch=="))
        index = torch_index.options(pip.configuration(self.python), torch.removeprefix("torch=="))
        with tempfile.TemporaryDirectory() as scratch:
            # pip builds in the folder it is given: give it a copy, so that the project's own folder stays as it is.
            source = self.project if self.editable else _copy_project(self.project, Path(scratch))
            if self.editable:
                self._pip(["install", "--editable", f"{source}[dev]", *index])
            elif same_packages:
                self._pip(["install", "--no-deps", "--force-reinstall", "--no-build-isolation", str(source)])  # torch brought setuptools: no network
            else:
                self._pip(["install", "--upgrade", str(source), *index])

    def _pip(self, arguments: Sequence[str]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        problem = pip.run(self.python, arguments, self.log)
        if problem:
            raise Trouble(f"The packages could not be installed: {problem} (details: {self.log})")


def requirements(project: Path, development: bool) -> list[str]:
    """What ``pyproject.toml`` requires, sorted; read without ``tomllib``, which Python 3.9 does not have."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    if development:
        lists += re.findall(r"^\[project\.optional-dependencies\](.*?)^\[", text, re.MULTILINE | re.DOTALL)
    return sorted(set(re.findall(r'"([^"]+)"', "\n".join(lists))))


def clean_environment() -> dict[str, str]:
    """This process's variables without those that would change what our Python loads; pip's own are kept."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _link(source: Path, target: Path) -> None:
    """Makes a copy of a folder that shares its files, which takes no space. pip replaces files and never changes them."""
    removal.remove(target.parent, [target.name])
    shutil.copytree(source, target, symlinks=True, copy_function=_link_file, ignore=shutil.ignore_patterns(STAMP, WARM))


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without links
        shutil.copy2(source, target, follow_symlinks=False)


def _rename_in_scripts(scripts: Path, before: Path, after: Path) -> None:
    """Writes the environment's new name into the commands that pip made; on Windows each is a program with the name at its end."""
    for script in scripts.iterdir():
        content = b"" if script.is_symlink() or script.is_dir() else script.read_bytes()
        changed = content.replace(os.fsencode(before), os.fsencode(after))
        if changed != content:
            mode = script.stat().st_mode
            script.unlink()  # the environment in use may share it
            script.write_bytes(changed)
            script.chmod(mode)


def _copy_project(project: Path, scratch: Path) -> Path:
    target = scratch / "project"
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, target / name)
    shutil.copytree(project / "nct_core", target / "nct_core", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def _is_code(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
