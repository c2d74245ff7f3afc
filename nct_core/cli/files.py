"""The picture files of a command: which may be written, and how all of them appear together or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ..files.picture import Picture


def check_outputs(wanted: Sequence[tuple[Path | None, Sequence[str]]], inputs: Sequence[Path], options: str) -> None:
    """Makes sure that the output files can be written and are different files, and none of them is an input.

    Args:
        wanted: each output file with the suffixes that it may have; None is not wanted.
        inputs: the pictures that are read.
        options: how the options for the outputs are called, in words.

    Raises:
        InputError: one cannot be written.
    """
    from ..files.replace import check_writable

    paths = [(path, suffixes) for path, suffixes in wanted if path is not None]
    if len({check_writable(path, tuple(suffixes)) for path, suffixes in paths}) < len(paths):
        raise InputError(f"expected another file for each of {options}, got one twice")
    for path, _ in paths:
        for given in inputs:
            if _same_file(path, given):
                raise InputError(f"{path}: expected an output file other than the source and the references, got {given} itself")


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one does not exist or cannot: reading or writing reports why
        return False


def temporary(files: contextlib.ExitStack, path: Path) -> Path:
    """The name under which a file is written; it gets its own name when ``files`` is closed without an error."""
    from ..files.replace import replacing

    return files.enter_context(replacing(path.resolve()))


def srgb(path: Path, picture: Picture) -> np.ndarray:
    """The pixels of a picture in sRGB: float32 [H, W, C].

    Raises:
        InputError: its color space cannot be converted; the message says which picture.
    """
    from ..files.color_space import to_srgb

    try:
        return to_srgb(picture.pixels, picture.icc_profile)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
