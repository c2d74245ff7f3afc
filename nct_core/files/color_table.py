"""Writes tables of colors for other programs: ``.cube`` (Adobe/IRIDAS) and HaldCLUT (PNG).

Both are for pictures in sRGB and give sRGB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..look.table import identity_table, interpolate
from .picture import Picture
from .write import save_picture

HALD_LEVEL = 8
"""A HaldCLUT of level n has n * n points per channel and n ** 3 pixels a side."""


def save_cube(path: Path, values: NDArray[np.float32], title: str) -> None:
    """Writes a ``.cube`` file.

    Args:
        path: the temporary file (see :func:`nct_core.files.replace.replacing`).
        values: float32 [n, n, n, 3], sRGB in [0, 1]; indices are red, green, blue.
        title: one line, shown by programs that use the table.

    Raises:
        OSError: the file cannot be written.
    """
    side = len(values)
    name = "".join(character for character in title if character.isprintable() and character not in '"\\')
    head = f'TITLE "{name}"\nLUT_3D_SIZE {side}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n'
    rows = values.transpose(2, 1, 0, 3).reshape(-1, 3)  # red changes fastest
    path.write_text(head + "".join(f"{red:.6f} {green:.6f} {blue:.6f}\n" for red, green, blue in rows.tolist()), encoding="utf-8")


def save_hald(path: Path, values: NDArray[np.float32]) -> None:
    """Writes a HaldCLUT of 16 bits: a square PNG of 512 pixels a side.

    Args:
        path: the temporary file.
        values: as for :func:`save_cube`.

    Raises:
        OSError: the file cannot be written.
    """
    side = HALD_LEVEL**2
    finer = interpolate(values, identity_table(side).reshape(-1, 3)).reshape(side, side, side, 3)
    pixels = np.rint(finer.transpose(2, 1, 0, 3).clip(0.0, 1.0) * 65535).astype(np.uint16).reshape(HALD_LEVEL**3, HALD_LEVEL**3, 3)
    save_picture(path, Picture(pixels))
