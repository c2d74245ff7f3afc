"""What the commands do alike with picture files; importing it loads nothing heavy."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ..files.picture import Picture


logger = logging.getLogger(__name__)

STANDARD = Path("-")  # as an output, standard output, which is given a PNG
ABOVE_WHITE = 1.01  # of float pixels; what is less is rounding


def to_output(options: argparse.Namespace, write: Callable[[bool], int]) -> int:
    """Writes one picture to ``options.output``, a file or standard output; returns the exit code.

    Args:
        options: ``output``, ``json`` and ``quiet`` of the command.
        write: writes the file ``options.output``, tells of it where it is given True, and returns the exit code.

    Raises:
        InputError: standard output cannot take the picture.
    """
    if options.output != STANDARD:
        return write(not options.quiet)
    if options.json or sys.__stdout__ is None or sys.__stdout__.isatty():
        raise InputError("-o -: expected standard output to lead to a file or program, and no --json; name an output file")
    with tempfile.TemporaryDirectory() as folder:
        options.output = Path(folder, "result.png")
        code = write(False)
        try:
            with open(options.output, "rb") as file:
                shutil.copyfileobj(file, sys.__stdout__.buffer)
            sys.__stdout__.flush()
        except OSError as error:
            raise InputError(f"-o -: expected to write to standard output, got {error.strerror or error}") from error
    return code


def check_outputs(outputs: Sequence[tuple[Path | None, Sequence[str]]], inputs: Sequence[Path], options: str) -> None:
    """Makes sure that the output files can be written and are different files, and none of them is an input.

    Args:
        outputs: each file with the suffixes that it may have; None is not wanted.
        inputs: the pictures that are read.
        options: the options that name the outputs, in words.

    Raises:
        InputError: one cannot be written.
    """
    from ..files.replace import check_writable

    wanted = [(path, suffixes) for path, suffixes in outputs if path is not None]
    if len({check_writable(path, tuple(suffixes)) for path, suffixes in wanted}) < len(wanted):
        raise InputError(f"expected another file for each of {options}, got one twice")
    for path, _ in wanted:
        for given in inputs:
            if same_file(path, given):
                raise InputError(f"{path}: expected an output file other than the source and the references, got {given} itself")


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
    """The pixels of a file in sRGB, see :func:`nct_core.files.color_space.to_srgb`; errors and warnings name the file."""
    import numpy as np

    from ..files.color_space import to_srgb

    colors = picture.pixels[..., :3] if picture.pixels.shape[2] > 2 else picture.pixels[..., :1]
    if colors.dtype == np.float32 and ABOVE_WHITE < colors.max() < np.inf:
        logger.warning("%s has values above white, up to %.3g: they are taken as white", path, colors.max())
    try:
        return to_srgb(picture.pixels, picture.icc_profile)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
