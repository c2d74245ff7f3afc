"""Pixels that tests leave as files for GIMP, and GIMP's numbers for the status of a procedure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import blobs

SUCCESS, EXECUTION_ERROR = 3, 0


def write_pixels(folder: Path, name: str, seed: int, size: tuple[int, int], channels: int, dtype: str, brightness: float = 1.0) -> dict[str, Any]:
    """Writes a picture of blobs, and returns its description for the functions of ``inside``; ``size`` is (width, height)."""
    (blobs(seed, size[::-1], channels, dtype) * brightness).astype(dtype).tofile(folder / name)
    return {"file": name, "size": size, "channels": channels, "dtype": dtype}
