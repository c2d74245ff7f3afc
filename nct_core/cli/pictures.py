"""What the commands do alike with picture files; importing it loads nothing heavy."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ..files.picture import Picture


logger = logging.getLogger(__name__)

ABOVE_WHITE = 1.01  # of float pixels; what is less is rounding


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
