"""What the tests of bad input share: a small picture, and running ``nct`` where it has to refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nct_core.cli.main import main

SMALL = ["--working-size", "64", "--patchmatch-iterations", "2"]


def picture(height: int = 32, width: int = 40, channels: int = 3) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.stack([rows, columns, 1 - rows, np.ones_like(rows)][:channels], axis=-1)
    return np.rint(image * 255).astype(np.uint8)


def refuse(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: object, command: str = "transfer") -> str:
    """Runs a command of ``nct``, checks that it refuses properly and returns its one line."""
    assert main([command, *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("nct: error: ")
    assert "Vips" not in err
    assert "expected" in err or "SHA-256" in err
    assert not list(folder.iterdir())
    return err
