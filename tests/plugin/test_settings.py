"""worker.json as 0.1.0 wrote it is read, by the plug-in and by the installer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from installer import plugin
from nct_core.installation.gimp import installed_worker

PROJECT = Path(__file__).resolve().parents[2]
WRITTEN_BY_0_1_0 = {
    "command": ["/home/me/.local/share/neural-color-transfer/venv/bin/python", "-I", "-m", "nct_core.worker"],
    "log": "/home/me/.local/share/neural-color-transfer/nct.log",
    "version": "0.1.0",
    "files": ["neural_color_transfer.py", "nct_shared/params.py", "old_module.py", "worker.json"],
}


def test_the_plugin_reads_it(installed: Path, tmp_path: Path) -> None:
    from worker.client import WorkerLost, WorkerSettings

    path = tmp_path / "worker.json"
    path.write_text(json.dumps({**WRITTEN_BY_0_1_0, "something": "newer"}))
    settings = WorkerSettings.read(path)
    assert (settings.command, settings.log, settings.version) == (WRITTEN_BY_0_1_0["command"], WRITTEN_BY_0_1_0["log"], "0.1.0")
    for damaged in ("", "[]", "{}", '{"command": 7, "log": "", "version": ""}', "\0"):
        path.write_text(damaged)
        with pytest.raises(WorkerLost):
            WorkerSettings.read(path)


def test_the_installer_updates_it(tmp_path: Path) -> None:
    folder = tmp_path / "plug-ins/neural_color_transfer"
    folder.mkdir(parents=True)
    (folder / "worker.json").write_text(json.dumps(WRITTEN_BY_0_1_0))
    (folder / "old_module.py").write_text("")
    assert plugin.install(PROJECT, tmp_path, tmp_path / "python", tmp_path / "nct.log")
    assert not (folder / "old_module.py").exists()
    worker = installed_worker(tmp_path)
    assert worker is not None and worker.keys() >= WRITTEN_BY_0_1_0.keys()
