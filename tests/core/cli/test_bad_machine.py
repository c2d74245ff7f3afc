"""Weights, devices and memory that do not suffice: one line that says so, and no file is left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from refusals import picture, refuse

from nct_core.features import weights
from nct_core.files.picture import Picture
from nct_core.files.write import write_picture


def test_weights(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = good.with_name("other.png")
    write_picture(other, Picture(picture()))
    real = weights.find()
    damaged = good.with_name(real.path.name)
    shutil.copyfile(real.path, damaged)
    with open(damaged, "r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    assert "SHA-256" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", damaged)
    damaged.write_bytes(b"short")
    assert "SHA-256" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", damaged)
    assert "there is no such file" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", folder / "none.safetensors")
    assert "got other.png" in refuse(capsys, folder, good, other, "-o", folder / "out.png", "--weights", other)


def test_no_such_device(good: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(good.with_name("other.png"), Picture(picture()))
    assert "'cuda:99'" in refuse(capsys, folder, good, good.with_name("other.png"), "-o", folder / "out.png", "--device", "cuda:99")


OUT_OF_MEMORY = """
import resource, sys, torch, pyvips, nct_core.cli.main, nct_core.pipeline
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (int(sys.argv.pop(1)) << 20), -1))
sys.exit(nct_core.cli.main.main())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
@pytest.mark.parametrize("mebibytes", [300, 800])
def test_too_little_memory_to_load_the_library(mebibytes: int, good: Path, folder: Path) -> None:
    """The limit is there from the beginning, as ``ulimit -v`` sets it: the loader, numpy or torch fail, each in its own words."""
    import resource

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))

    command = [sys.executable, "-m", "nct_core", "transfer", str(good), str(good), "-o", str(folder / "out.png"), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, preexec_fn=limited)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("nct: error: expected enough memory")
    assert not list(folder.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
@pytest.mark.parametrize("mebibytes", [200, 800])  # enough to read the picture or not; in neither case enough to transfer it
def test_out_of_memory(mebibytes: int, good: Path, folder: Path) -> None:
    big = good.with_name("big.png")
    write_picture(big, Picture(np.tile(picture(100, 100), (50, 40, 1))))
    command = [sys.executable, "-c", OUT_OF_MEMORY, mebibytes, "transfer", big, good, "-o", folder / "out.png", "--device", "cpu"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "memory" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
def test_more_references_than_memory_has_room_for(good: Path, folder: Path) -> None:
    big = good.with_name("big.png")
    write_picture(big, Picture(np.tile(picture(100, 100), (7, 7, 1))))
    command = [sys.executable, "-c", OUT_OF_MEMORY, 2000, "transfer", good, *[big] * 40, "-o", folder / "out.png", "--device", "cpu"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected at most" in done.stderr and "references of this size" in done.stderr and "got 40; use fewer" in done.stderr
    assert not list(folder.iterdir())
