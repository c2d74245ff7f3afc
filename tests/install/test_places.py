"""Where GIMP's folders and ours are on each system."""

from __future__ import annotations

from pathlib import Path

import pytest

from nct_core.installation import paths
from nct_core.installation.paths import Machine

GIMP_FOLDERS = {
    "Linux": ".config/GIMP",
    "Darwin": "Library/Application Support/GIMP",
    "Windows": "AppData/Roaming/GIMP",
}


@pytest.mark.parametrize("system", GIMP_FOLDERS)
def test_every_gimp_3_folder_is_found_and_no_other(system: str, tmp_path: Path) -> None:
    root = tmp_path / GIMP_FOLDERS[system]
    for name in ("2.10", "3.0", "3.2", "3.x", "30.1"):
        (root / name).mkdir(parents=True)
    (root / "3.4").write_text("not a folder")
    assert paths.gimp_user_folders(Machine(system, {}, tmp_path)) == [root / "3.0", root / "3.2"]


def test_the_environment_moves_the_folders(tmp_path: Path) -> None:
    (tmp_path / "config/GIMP/3.0").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    linux = Machine("Linux", {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": "/data", "GIMP3_DIRECTORY": str(tmp_path / "own")}, tmp_path)
    assert paths.gimp_user_folders(linux) == [tmp_path / "config/GIMP/3.0", tmp_path / "own"]
    assert paths.data_folder(linux) == Path("/data/neural-color-transfer")
    windows = Machine("Windows", {"LOCALAPPDATA": "/local"}, tmp_path)
    assert paths.log_file(windows) == Path("/local/neural-color-transfer/nct.log")


def test_our_folder_without_such_variables(tmp_path: Path) -> None:
    folders = {system: paths.data_folder(Machine(system, {}, tmp_path)).relative_to(tmp_path).as_posix() for system in GIMP_FOLDERS}
    assert folders == {
        "Linux": ".local/share/neural-color-transfer",
        "Darwin": "Library/Application Support/neural-color-transfer",
        "Windows": "AppData/Local/neural-color-transfer",
    }


def test_sandboxed_gimps_are_found(tmp_path: Path) -> None:
    folders = [tmp_path / ".var/app/org.gimp.GIMP/config/GIMP/3.0", tmp_path / "snap/gimp/current/.config/GIMP/3.2"]
    for folder in folders:
        folder.mkdir(parents=True)
    machine = Machine("Linux", {}, tmp_path)
    assert paths.gimp_user_folders(machine) == folders
    assert paths.sandboxes(machine) == ["Flatpak", "Snap"]


def test_programs_are_told_by_what_they_answer(tmp_path: Path) -> None:
    answers = {"gimp-console-3.0": "GNU Image Manipulation Program version 3.0.4", "gimp-console": "GNU Image Manipulation Program version 2.10.34"}
    for name, answer in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (tmp_path / name).chmod(0o755)
    machine = Machine("Linux", {"PATH": f"{tmp_path}:/usr/bin:/bin"}, tmp_path)
    gimps = [gimp for gimp in paths.gimp_programs(machine) if gimp.program.parent == tmp_path]
    assert gimps == [paths.Gimp(tmp_path / "gimp-console-3.0", "3.0.4")]
    assert gimps[0].minor == "3.0"
