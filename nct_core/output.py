"""Output files: checked before the work begins, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection, Iterator
from pathlib import Path

from .errors import InputError


def check_writable(path: str | os.PathLike[str], suffixes: Collection[str]) -> Path:
    """Makes sure, before anything slow begins, that ``path`` has a known suffix and that a file can be put there.

    Returns:
        The path, symbolic links followed.

    Raises:
        InputError: the suffix is not one of ``suffixes``, or the folder does not exist or cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: expected a file name that ends in {', '.join(suffixes)}, got {path.suffix or 'none'!r}")
    path = path.resolve()
    if not path.parent.is_dir():
        raise InputError(f"{path}: expected a folder that exists, but there is no {path.parent}; create it first")
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise InputError(f"{path}: expected a file that may be written, but it is {'write-protected' if path.is_file() else 'not a file'}")
    probe = _temporary_name(path)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise InputError(f"{path}: expected a folder that can be written to, got {error.strerror or error}; choose another folder") from error
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside ``path``, renamed to it on success and deleted otherwise.

    Raises:
        InputError: the file cannot be written (folder gone, disk full ...).
    """
    temporary = _temporary_name(path)
    try:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected to write the file, got {error.strerror or error}; make room or choose another folder") from error


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".nct-{secrets.token_hex(4)}{path.suffix}")
