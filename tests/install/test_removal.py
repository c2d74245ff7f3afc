"""What was installed goes, what somebody put beside it stays."""

from __future__ import annotations

from pathlib import Path

from installer import removal


def test_only_what_was_installed_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("venv/bin/python", "demo/source.png", "demo/mine.png", "install.log", "mine.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    done = removal.remove(folder, ["venv", "demo/source.png", "demo/result.png", "install.log"])
    assert done == removal.Removal(folder, True, [folder / "demo/mine.png", folder / "mine.txt"])
    assert sorted(path.name for path in folder.rglob("*")) == ["demo", "mine.png", "mine.txt"]
    assert removal.remove(folder, ["demo", "mine.txt"]).kept == [] and not folder.exists()
    assert not removal.remove(folder, ["venv"]).done
