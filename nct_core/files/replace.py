"""Checks output files before the work begins, and writes them whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from ..contract.errors import InputError


def check_writable(path: str | os.PathLike[str], suffixes: Collection[str]) -> Path:
    """Checks, before slow work begins, that ``path`` has a known suffix and can be written.

    Returns:
        The path, symbolic links followed.

    Raises:
        InputError: the suffix is not one of ``suffixes``, or the folder does not exist or cannot be written to.
    """
    path = Path(path)
    with _possible_name(path):
        return _check(path, suffixes)


@contextlib.contextmanager
def _possible_name(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, before Python 3.13
        raise InputError(f"{path}: expected a name that a file can have, got {getattr(error, 'strerror', None) or error}; choose another name") from error


def _check(path: Path, suffixes: Collection[str]) -> Path:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.lstat()  # raises where the name is too long
    if path.is_dir():
        raise InputError(f"{path}: expected the name of a file, but it is a folder; add a file name to it")
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: expected a file name that ends in {', '.join(suffixes)}, got {path.suffix or 'none'!r}")
    target = path.resolve()
    if not target.parent.exists():
        raise InputError(f"{path}: expected a folder that exists, but there is no {path.parent}; create it first")
    if not target.parent.is_dir():
        raise InputError(f"{path}: expected a file name in a folder, but {path.parent} is a file; choose another folder")
    if target.exists() and not (target.is_file() and os.access(target, os.W_OK)):
        raise InputError(f"{path}: expected a file that may be written, but it is {'write-protected' if target.is_file() else 'not a file'}")
    probe = _temporary_name(target)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{path}: expected a folder that can be written to, but no file can be made in {path.parent} ({error.strerror or error}); choose another folder"
        ) from error
    return target


def check_folder(path: Path) -> None:
    """Checks that a folder for output files exists or can be made.

    Raises:
        InputError: it is a file, or lies in no folder that exists.
    """
    with _possible_name(path):
        if not path.is_dir() and (path.exists() or not path.resolve().parent.is_dir()):
            reason = "a file" if path.exists() else f"one in {path.parent}, which does not exist"
            raise InputError(f"{path}: expected a folder, or a name for one in a folder that exists, got {reason}; choose another name")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside ``path``, renamed to it on success and deleted otherwise. An existing file keeps its permissions.

    Raises:
        InputError: the file cannot be written (folder gone, disk full ...).
    """
    temporary = _temporary_name(path)
    try:
        try:
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
            if mode is not None:
                temporary.touch(mode=0o600, exist_ok=False)  # nobody else reads it before it has its permissions
            yield temporary
            if mode is not None:
                temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected to write the file, got {error.strerror or error}; make room or choose another folder") from error


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".nct-{secrets.token_hex(4)}{path.suffix}")
