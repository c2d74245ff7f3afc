"""Takes away what was installed, and leaves alone what somebody else put beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Removal:
    """What became of a folder.

    Attributes:
        folder: it.
        done: whether anything was removed.
        kept: what somebody else put into it and is still there; empty where the folder is gone.
    """

    folder: Path
    done: bool
    kept: list[Path]


def remove(folder: Path, names: Iterable[str]) -> Removal:
    """Removes these files and folders (whole) of ``folder``, then the folders that became empty.

    Args:
        folder: where to remove; it may be missing.
        names: what was installed there, relative to ``folder`` with "/"; those that are missing are passed over, and those that
            lie outside of ``folder``, by their name or by a link.
    """
    paths = [folder / name for name in names if inside(folder, name)]
    done = any(path.exists() or path.is_symlink() for path in paths)
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    parents = {parent for path in paths for parent in path.parents if parent == folder or folder in parent.parents}
    for parent in sorted({folder, *parents}, key=lambda path: len(path.parts), reverse=True):
        if parent.is_dir() and not parent.is_symlink() and not any(parent.iterdir()):
            parent.rmdir()
    kept = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return Removal(folder, done, kept or ([folder] if folder.exists() else []))


def inside(folder: Path, name: str) -> bool:
    """Whether ``name`` is ``folder``, or something in it: neither its name nor a link on the way leads out."""
    path = folder / name
    try:
        return ".." not in path.relative_to(folder).parts and (path == folder or path.parent.resolve().is_relative_to(folder.resolve()))
    except (OSError, ValueError, RuntimeError):  # a name that no file can have; RuntimeError: a loop of links, before Python 3.13
        return False
