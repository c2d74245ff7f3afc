"""The plug-in in GIMP's folder: put in once, taken out, and nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from installer import plugin, removal
from nct_core.installation.gimp import installed_worker

PROJECT = Path(__file__).resolve().parents[2]


def test_the_plugin_is_put_in_once_and_taken_out(tmp_path: Path) -> None:
    user_folder, python, log = tmp_path / "3.0", tmp_path / "venv/bin/python", tmp_path / "nct.log"
    assert plugin.install(PROJECT, user_folder, python, log)
    folder = user_folder / "plug-ins/neural_color_transfer"
    assert os.access(folder / "neural_color_transfer.py", os.X_OK)
    assert (folder / "ui/dialog.py").is_file() and (folder / "locale/de/LC_MESSAGES/neural_color_transfer.mo").is_file()
    assert {path.name for path in (folder / "nct_shared").iterdir()} == {
        *("__init__.py", "analogy_params.py", "errors.py", "frames.py", "headers.py", "messages.py", "params.py", "texts.py"),
    }
    worker = installed_worker(user_folder)
    assert worker is not None and worker["command"] == [str(python), "-I", "-m", "nct_core.worker"] and worker["log"] == str(log)

    assert not plugin.install(PROJECT, user_folder, python, log)
    (folder / "nct_shared/params.py").write_text("changed")
    (folder / "old_file.py").write_text("of an older version")
    (folder / "worker.json").write_text(json.dumps({**worker, "files": [*worker["files"], "old_file.py"]}))
    assert plugin.install(PROJECT, user_folder, python, log)
    assert (folder / "nct_shared/params.py").read_bytes() == (PROJECT / "nct_core/contract/params.py").read_bytes()
    assert not (folder / "old_file.py").exists()

    for name in ("nct_shared/params", "ui/dialog", "neural_color_transfer"):
        compiled = folder / Path(name).parent / "__pycache__" / f"{Path(name).name}.cpython-311.pyc"
        compiled.parent.mkdir()
        compiled.write_bytes(b"")
    assert plugin.remove(PROJECT, user_folder) == removal.Removal(folder, True, [])
    assert not folder.exists() and not plugin.remove(PROJECT, user_folder).done


def test_a_note_in_the_plugins_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "plug-ins/neural_color_transfer"
    plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    note = folder / "note.txt"
    note.write_text("the user's own")
    assert not plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    assert plugin.install(PROJECT, tmp_path, tmp_path / "another python", tmp_path / "nct.log")
    assert plugin.remove(PROJECT, tmp_path).kept == [note]
    assert list(folder.iterdir()) == [note] and note.read_text() == "the user's own"


def test_a_link_in_the_plugins_place_goes_and_its_target_stays(tmp_path: Path) -> None:
    target = shutil.copytree(PROJECT / "plugin/neural_color_transfer", tmp_path / "work")
    (tmp_path / "plug-ins").mkdir()
    (tmp_path / "plug-ins/neural_color_transfer").symlink_to(target)
    assert plugin.remove(PROJECT, tmp_path).done
    assert not any((tmp_path / "plug-ins").iterdir()) and (target / "neural_color_transfer.py").exists()


CLAIMS = {
    "an absolute name": "{other}/kept.txt",
    "a way up": "../../../other/kept.txt",
    "a way down and up": "ui/../../../../other/kept.txt",
    "through a link": "link/kept.txt",
    "through two links": "link/../other/kept.txt",
    "a folder": "{other}",
    "the folder above": "..",
    "a name with a zero": "kept\0.txt",
    "no name": "",
    "the folder itself": ".",
    "a folder of the user's": "notes",
    "a number": 7,
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_prepared_list_of_files_leads_nowhere_else(claim: str, tmp_path: Path) -> None:
    """worker.json may say that anything is the plug-in's: only files in the plug-in's own folder are taken out."""
    user_folder, other = tmp_path / "3.0", tmp_path / "other"
    other.mkdir()
    (other / "kept.txt").write_text("somebody's")
    plugin.install(PROJECT, user_folder, tmp_path / "python", tmp_path / "nct.log")
    folder = user_folder / "plug-ins/neural_color_transfer"
    (folder / "link").symlink_to(other)
    (folder / "notes").mkdir()
    (folder / "notes/mine.txt").write_text("mine")
    worker = installed_worker(user_folder)
    assert worker is not None
    told = CLAIMS[claim]
    worker["files"] = [*worker["files"], told.format(other=other) if isinstance(told, str) else told]
    (folder / "worker.json").write_text(json.dumps(worker))
    assert plugin.install(PROJECT, user_folder, tmp_path / "another python", tmp_path / "nct.log")
    (folder / "worker.json").write_text(json.dumps(worker))
    assert plugin.remove(PROJECT, user_folder).kept == [folder / "link", folder / "notes/mine.txt"]
    assert (other / "kept.txt").read_text() == "somebody's"


@pytest.mark.parametrize("content", ["[]", "{", '{"files": 3}', '{"files": {"a": 1}}', "null"])
def test_a_worker_json_of_something_else_is_replaced(content: str, tmp_path: Path) -> None:
    plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    folder = tmp_path / "plug-ins/neural_color_transfer"
    (folder / "worker.json").write_text(content)
    assert plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    assert plugin.remove(PROJECT, tmp_path) == removal.Removal(folder, True, [])


def test_a_subfolder_that_became_a_link_is_passed_over(tmp_path: Path) -> None:
    plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    folder = tmp_path / "plug-ins/neural_color_transfer"
    work = (folder / "ui").rename(tmp_path / "work")
    (folder / "ui").symlink_to(work)
    assert plugin.remove(PROJECT, tmp_path).kept == [folder / "ui"]
    assert (work / "dialog.py").exists()
