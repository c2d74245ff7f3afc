"""Tables as files, read back by another program's library: OpenColorIO, and a HaldCLUT by its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO
import pyvips

from nct_core.files.color_table import save_cube, save_hald
from nct_core.look.table import identity_table, interpolate


def bent(side: int) -> np.ndarray:
    """A table that treats each channel in its own way."""
    grid = identity_table(side)
    return np.stack([0.1 + 0.8 * grid[..., 0] ** 1.3, grid[..., 1] * (0.6 + 0.3 * grid[..., 2]), 1 - 0.9 * grid[..., 2]], -1).astype(np.float32)


def by_open_color_io(path: Path, colors: np.ndarray) -> np.ndarray:
    table = PyOpenColorIO.FileTransform(str(path), interpolation=PyOpenColorIO.INTERP_LINEAR)
    pixels = np.ascontiguousarray(colors, np.float32).copy()
    PyOpenColorIO.Config.CreateRaw().getProcessor(table).getDefaultCPUProcessor().applyRGB(pixels)
    return pixels


def test_a_cube_file_means_the_same_to_open_color_io(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).random((2000, 3), np.float32)
    for side in (17, 33):
        save_cube(tmp_path / f"bent{side}.cube", bent(side), 'sunset "on\n the\\ sea" ☀')
        np.testing.assert_allclose(by_open_color_io(tmp_path / f"bent{side}.cube", colors), interpolate(bent(side), colors), atol=2e-6)


def test_a_hald_picture_holds_the_table_as_it_is_defined(tmp_path: Path) -> None:
    """Pixel number red + 64 (green + 64 blue), row by row, holds what that color becomes."""
    save_hald(tmp_path / "bent.png", bent(33))
    pixels = pyvips.Image.new_from_file(str(tmp_path / "bent.png")).numpy()
    assert pixels.dtype == np.uint16 and pixels.shape == (512, 512, 3)
    red, green, blue = np.random.default_rng(0).integers(0, 64, (3, 500))
    number = red + 64 * (green + 64 * blue)
    expected = interpolate(bent(33), np.stack([red, green, blue], -1) / 63)
    np.testing.assert_allclose(pixels[number // 512, number % 512] / 65535, expected, atol=1e-5)
