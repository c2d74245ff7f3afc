"""The environment: built beside the one in use, which stays until the new one answers, whatever fails or is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import install_steps
import pytest
from install_steps import LIBRARY, WEIGHTS, Steps, make_project

from installer import environment, main
from installer.console import Trouble
from nct_core.installation import paths

PROJECT = Path(__file__).resolve().parents[2]
FIRST = ["venv", "pip", "packages", "download", "weights", "transfer", "worker", "rename"]
UPDATE = ["packages", "weights", "transfer", "worker", "rename", "rename"]


class Home:
    """An empty home with a project beside it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.machine, self.project = paths.Machine("Linux", {}, folder / "home"), make_project(folder / "project")
        self.venv = paths.data_folder(self.machine) / "venv"
        self.steps = Steps(self.project)
        self.steps.replace(patch)

    def install(self) -> list[str]:
        self.steps.names.clear()
        main.install(self.machine, "auto")
        return self.steps.names

    def works(self) -> str:
        """What the library in use was made from; its weights are there and its command names its own Python."""
        assert (self.venv / WEIGHTS).read_text() == "weights"
        assert (self.venv / "bin/nct").read_text() == f"#!{self.venv}/bin/python\n"
        said = subprocess.run([str(self.venv / "bin/python"), "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True, timeout=60)
        assert said.stdout.strip() == str(self.venv)
        return (self.venv / LIBRARY).read_text()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(tmp_path, monkeypatch)


def test_it_is_made_once(home: Home) -> None:
    assert home.install() == FIRST
    assert home.works() == "1"
    assert home.install() == ["weights", "transfer", "worker"]
    assert [path.name for path in home.venv.parent.iterdir()] == ["venv"]


def test_only_what_is_required_matters(home: Home) -> None:
    home.install()
    settings = home.project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("line-length = 100", "line-length = 160") + "\n[tool.mypy]\nstrict = true\n")
    assert home.install() == ["weights", "transfer", "worker"]
    make_project(home.project, requirement="numpy>=2.1")
    assert home.install() == ["venv", "pip", "packages", "weights", "transfer", "worker", "rename", "rename"]


def test_new_code_is_put_into_a_copy_that_shares_what_stays(home: Home) -> None:
    home.install()
    before = (home.venv / WEIGHTS).stat().st_ino
    make_project(home.project, "2")
    assert home.install() == UPDATE
    assert home.works() == "2"
    assert (home.venv / WEIGHTS).stat().st_ino == before
    assert [path.name for path in home.venv.parent.iterdir()] == ["venv"]


@pytest.mark.parametrize("requirement", ["numpy>=2", "numpy>=2.1"])
@pytest.mark.parametrize("step", ["packages", "weights", "transfer"])
def test_an_update_that_fails_leaves_what_works(step: str, requirement: str, home: Home) -> None:
    home.install()
    make_project(home.project, "2", requirement)
    home.steps.problem = lambda name: "there is no network" if name == step else ""
    with pytest.raises(Trouble):
        home.install()
    assert home.works() == "1"
    home.steps.problem = lambda name: ""
    home.install()
    assert home.works() == "2"


def test_what_was_built_before_a_failure_is_not_built_again(home: Home) -> None:
    home.steps.problem = lambda name: "no network" if name == "weights" else ""
    with pytest.raises(Trouble, match="Stopped at the network weights"):
        home.install()
    assert home.steps.names[-1] == "weights"
    make_project(home.project, "2")
    home.steps.problem = lambda name: "no network" if name == "packages" else ""
    with pytest.raises(Trouble, match="no network"):
        home.install()
    home.steps.problem = lambda name: ""
    assert home.install() == ["packages", "weights", "transfer", "worker", "rename"]
    assert home.works() == "2"


def test_what_does_not_answer_is_built_anew(home: Home) -> None:
    home.install()
    (home.venv / LIBRARY).unlink()
    with pytest.raises(Trouble, match="there is no library"):
        home.install()
    assert home.install() == ["venv", "pip", "packages", "weights", "transfer", "worker", "rename", "rename"]
    assert home.works() == "1"


def test_an_environment_whose_python_is_gone_is_made_again_with_its_weights(home: Home) -> None:
    home.install()
    (home.venv / "bin/python").unlink()
    (home.venv / "bin/python").symlink_to("/nowhere/python")
    assert "download" not in home.install()
    assert home.works() == "1"


def test_a_folder_that_cannot_be_renamed_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.install()
    make_project(home.project, "2")
    renamed, rename = [], Path.rename

    def refused(path: Path, target: Path) -> Path:
        renamed.append(path.name)
        if path.name == "venv.new" and renamed.count("venv.new") == 1:
            raise PermissionError(13, "The file is in use")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(Trouble, match=r"venv cannot be replaced \(The file is in use\); close GIMP"):
        home.install()
    assert home.works() == "1"
    assert home.install()[0] == "weights"
    assert home.works() == "2"


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("step", range(len(FIRST)))
def test_a_first_installation_that_is_killed_goes_on(step: int, home: Home) -> None:
    kill(home, step)
    home.install()
    assert home.works() == "1"
    assert [path.name for path in home.venv.parent.iterdir()] == ["venv"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("step", range(len(UPDATE)))
def test_an_update_that_is_killed_leaves_what_works(step: int, home: Home) -> None:
    home.install()
    make_project(home.project, "2")
    kill(home, step)
    if step < len(UPDATE) - 1:  # but for the moment between two renamings
        assert home.works() == "1"
    home.install()
    assert home.works() == "2"
    assert [path.name for path in home.venv.parent.iterdir()] == ["venv"]


def kill(home: Home, step: int) -> None:
    """Installs in a process that is killed before its ``step``th step."""
    command = [sys.executable, install_steps.__file__, str(home.machine.home), str(home.project), str(step)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_the_requirements_are_those_of_pyproject() -> None:
    tomllib = pytest.importorskip("tomllib")  # from Python 3.11
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert environment.requirements(PROJECT, False) == sorted(project["dependencies"])
    every = {*project["dependencies"], *(name for names in project["optional-dependencies"].values() for name in names)}
    assert environment.requirements(PROJECT, True) == sorted(every)


def test_too_little_space_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    library = environment.Environment(tmp_path / "data/venv", PROJECT, editable=False, log=tmp_path / "data/install.log")
    with pytest.raises(Trouble, match=r"needs about \d GB of free space"):
        library.prepared()
    assert list((tmp_path / "data").iterdir()) == []
