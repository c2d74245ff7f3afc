"""Which picture of many goes to which file; importing it loads nothing heavy."""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.errors import InputError
from ..files.picture import FORMATS
from ..files.replace import check_folder
from .pictures import same_file

logger = logging.getLogger(__name__)

FIELDS = ("stem", "n", "ext")


@dataclass(frozen=True)
class Task:
    """One picture of many.

    Attributes:
        number: of the picture among all, counted from 1.
        source: the picture to recolor.
        target: the file for the result.
    """

    number: int
    source: Path
    target: Path


def plan(given: Sequence[Path], folder: Path, name: str, taken: Sequence[Path] = ()) -> list[Task]:
    """Gives each source its own file for the result, before anything is read.

    Args:
        given: pictures, and folders whose pictures are meant, in order of their names, 2 before 10.
        folder: for the results, which is there or can be made.
        name: of the results, with ``{stem}``, ``{n}`` and ``{ext}``.
        taken: other files that are no results.

    Raises:
        InputError: a folder has no picture, the name cannot be used, two results would have one name, or a result would replace an input.
    """
    sources = [source for path in given for source in _pictures(path)]
    tasks = [Task(number, source, folder / _named(name, source, number)) for number, source in enumerate(sources, start=1)]
    check_folder(folder)
    sources_by_target: dict[str, Path] = {}
    for task in tasks:
        other = sources_by_target.setdefault(task.target.name.casefold(), task.source)  # some systems take A.png and a.png for one file
        if other is not task.source:
            raise InputError(f"expected another result for each source, got {task.target} for both {other} and {task.source}; put {{n}} into --name")
        for path in (*sources, *taken):
            if same_file(task.target, path):
                raise InputError(f"{task.target}: expected a result other than the sources and the references, got {path} itself; choose another folder")
    return tasks


def _pictures(path: Path) -> list[Path]:
    """The picture, or those of a folder."""
    if not path.is_dir():
        return [path]
    files = sorted((file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")), key=_by_number)
    pictures = [file for file in files if file.suffix.lower() in FORMATS]
    if not pictures:
        raise InputError(f"{path}: expected a folder with pictures ({', '.join(FORMATS)}), got none in it; choose another folder")
    if len(pictures) < len(files):
        others = [file.name for file in files if file not in pictures]
        logger.warning("%s: %d files are no pictures and are passed over: %s", path, len(others), ", ".join(others[:3]) + (" …" if len(others) > 3 else ""))
    return pictures


def _by_number(file: Path) -> list[tuple[int, str]]:
    """Sorts names as people count: runs of digits are numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.name)] + [(-1, file.name)]


def _named(name: str, source: Path, number: int) -> str:
    """The name of one result."""
    expected = f"expected a file name of {', '.join(f'{{{field}}}' for field in FIELDS)} and letters for --name, got {name!r}"
    try:
        parts = list(string.Formatter().parse(name))
        if any(field not in (None, *FIELDS) or conversion is not None for _, field, _, conversion in parts):
            raise InputError(expected)
        made = name.format(stem=source.stem, n=number, ext=source.suffix.removeprefix("."))
    except ValueError as error:
        raise InputError(f"{expected}: {error}") from error
    if made in ("", ".", "..") or "/" in made or "\\" in made or "\0" in made:
        raise InputError(f"{expected}, which makes {made!r}; leave folders to -o")
    if Path(made).suffix.lower() not in FORMATS:
        raise InputError(f"{source}: expected a result whose name ends in {', '.join(FORMATS)}, got {made!r}; end --name in one of these or in .{{ext}}")
    return made
