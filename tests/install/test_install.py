"""install.py for real: once into an empty home, then again, damaged, repaired and removed. The tests build on each other in this order."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import hosts
import numpy as np
import pytest

from installer.main import ready
from nct_core.files.read import read_picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]  # the first test waits for all the packages

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("install.py", "pyproject.toml", "README.md", "LICENSE", "nct_core", "installer", "plugin", "tests/gimp")
PLUGIN = "plug-ins/neural_color_transfer"


@dataclass(frozen=True)
class Home:
    """An empty home with a clone of the project beside it.

    Attributes:
        folder: the home.
        clone: the project.
        gimps: minor versions of the GIMPs that are on PATH, never started before.
        variables: the environment.
        first: what the first run, with --demo, printed.
    """

    folder: Path
    clone: Path
    gimps: list[str]
    variables: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.folder / ".local/share/neural-color-transfer"

    @property
    def python(self) -> Path:
        return self.data / "venv/bin/python"

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.clone / "install.py"), *arguments]
        return subprocess.run(command, env=self.variables, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3000)

    def files(self) -> dict[str, int]:
        """Every file with the time of its last change; without what Python and GIMP write for themselves."""
        own = re.compile(r"__pycache__|\.config/GIMP/[^/]+/(?!plug-ins/)|\.cache/|\.rustup/|\.log$|fontconfig|babl|gegl")
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {name: path.lstat().st_mtime_ns for path in paths if not own.search(name := path.relative_to(self.folder).as_posix())}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    base = tmp_path_factory.mktemp("install")
    folder, clone, programs = base / "home", base / "clone", base / "bin"
    folder.mkdir()
    programs.mkdir()
    for name in CODE:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy2
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        copy(PROJECT / name, clone / name)
    available = hosts.available()
    for host in available:
        # GIMP on PATH: started in its host, with the home and the Python that is about to be installed.
        command = host.command([host.console], binds=[folder], outer=[folder / ".local/share/neural-color-transfer/venv/bin/python"])
        script = programs / f"gimp-console-{host.minor}"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        script.chmod(0o755)
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True).stdout.strip()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GIMP", "PYTEST"))}
    variables.update(HOME=str(folder), PATH=f"{programs}:{os.environ['PATH']}", PIP_CACHE_DIR=cache)
    variables.update(PIP_COMPILE="0")  # most of the packages' modules are never loaded here
    return Home(folder, clone, [host.minor for host in available], variables)


def test_the_demo_sets_up_everything_and_says_where_the_picture_is(home: Home) -> None:
    done = home.install("--demo")
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"Picture: (.+)\nBackbone (VGG-1[69]), device (.+), ([\d.]+) seconds\n$", done.stdout)
    assert told, done.stdout
    told_ready = done.stdout.index(f"\n{ready(home.python, in_gimp=bool(home.gimps))}\n")
    assert told_ready < told.start()
    assert (home.data / "install.log").stat().st_size < 200_000
    picture, source = Path(told[1]), read_picture(home.data / "demo/source.png")
    result = read_picture(picture)
    assert result.pixels.shape == source.pixels.shape
    # The yellow-green meadow takes on the reference's brown.
    redness = [(picture.pixels[250:, :, 0].astype(float) - picture.pixels[250:, :, 1]).mean() for picture in (source, result)]
    assert redness[1] > redness[0] + 15
    assert np.abs(result.pixels.astype(int) - source.pixels).mean() > 10


def test_every_gimp_on_the_path_got_the_plugin_and_finds_it(home: Home) -> None:
    if not home.gimps:
        pytest.skip("there is no GIMP 3 here")
    for minor in home.gimps:
        worker = json.loads((home.folder / ".config/GIMP" / minor / PLUGIN / "worker.json").read_text())
        assert worker["command"] == [str(home.python), "-I", "-m", "nct_core.worker"]
        assert worker["log"] == str(home.data / "nct.log")
        assert (home.folder / ".config/GIMP" / minor / "gimprc").exists(), "GIMP made its folder itself"


def test_a_second_run_changes_nothing_and_needs_no_network(home: Home) -> None:
    before = home.files()
    offline = {**home.variables, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = Home(home.folder, home.clone, home.gimps, {**offline, "https_proxy": "http://127.0.0.1:9"}).install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("already there") == 1 + len(home.gimps)
    assert home.files() == before
    for minor in home.gimps:
        assert re.search(rf"GIMP {minor}\.\d+ has Filters > Neural Color Transfer", done.stdout)


def test_the_installed_library_does_not_need_the_clone(home: Home) -> None:
    code = "import nct_core; print(nct_core.__file__)"
    done = subprocess.run([str(home.python), "-c", code], env=home.variables, cwd=home.folder, capture_output=True, text=True)
    assert Path(done.stdout.strip()).is_relative_to(home.data / "venv"), done.stderr


def test_new_folders_and_damage_are_repaired(home: Home) -> None:
    (home.folder / ".config/GIMP/3.4").mkdir(parents=True)
    weights = next((home.data / "venv/share/neural-color-transfer").glob("vgg*.safetensors"))
    good = weights.read_bytes()
    weights.write_bytes(good[: len(good) // 2])
    changed = home.clone / "nct_core/__init__.py"
    changed.write_text(changed.read_text() + "\nCHANGED = True\n")
    done = home.install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is damaged: its SHA-256 should begin with" in done.stdout
    assert weights.read_bytes() == good
    assert (home.folder / ".config/GIMP/3.4" / PLUGIN / "neural_color_transfer.py").exists()
    code = "import nct_core; assert nct_core.CHANGED"
    assert subprocess.run([str(home.python), "-I", "-c", code]).returncode == 0


def test_uninstall_removes_all_of_it_and_nothing_else(home: Home) -> None:
    own = home.folder / ".config/GIMP/3.4/plug-ins/another_plugin.py"
    note, picture = home.folder / ".config/GIMP/3.4" / PLUGIN / "note.txt", home.data / "demo/mine.png"
    for path in (own, note, picture):
        path.write_text("the user's own")
    done = home.install("--uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.files().keys() == {path.relative_to(home.folder).as_posix() for path in (own, note, picture)}
    assert done.stdout.count("kept: ") == 2 and f"kept: {note}\n" in done.stdout and f"kept: {picture}\n" in done.stdout
    again = home.install("--uninstall")
    assert again.returncode == 0 and "nothing to remove" in again.stdout and "removed: " not in again.stdout
    picture.unlink()
    picture.parent.rmdir()
    home.install("--uninstall")
    assert not home.data.exists()
