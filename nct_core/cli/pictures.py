"""What the commands do alike with picture files; importing it loads nothing heavy."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ..files.picture import Picture


def same_file(path: Path, other: Path) -> bool:
    """Whether two paths are one file; False where one does not exist or cannot: reading or writing reports why."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def temporary(files: contextlib.ExitStack, path: Path) -> Path:
    """A temporary name for an output, renamed when ``files`` is closed without an error."""
    from ..files.replace import replacing

    return files.enter_context(replacing(path.resolve()))


def srgb(path: Path, picture: Picture) -> np.ndarray:
    """The pixels of a file in sRGB, see :func:`nct_core.files.color_space.to_srgb`; an error names the file."""
    from ..files.color_space import to_srgb

    try:
        return to_srgb(picture.pixels, picture.icc_profile)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
