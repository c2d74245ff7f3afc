"""Which of PyTorch's builds this machine should have, and the package index that has it.

PyPI has the build for CUDA 13.0 for Linux and one without CUDA for Windows. All others are on PyTorch's own indexes.
"""

from __future__ import annotations

import http.client
import platform
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INDEXES = "https://download.pytorch.org/whl"
OWN_BUILD = {"Linux": "cu130", "Windows": "cpu"}  # what PyPI has
_DRIVER_FILE = Path("/proc/driver/nvidia/version")
_QUERY = ["--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]


@dataclass(frozen=True)
class Card:
    """An NVIDIA card: the major version of its driver, and its compute capability (the latest where there are several; None if unknown)."""

    driver: int
    capability: tuple[int, int] | None = None


def nvidia_card() -> Card | None:
    """The NVIDIA card that is at work on this machine; None if there is none."""
    program = shutil.which("nvidia-smi")
    if program:
        try:
            said = subprocess.run([program, *_QUERY], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60).stdout
        except (OSError, subprocess.SubprocessError):
            said = ""
        cards = [Card(int(driver), (int(major), int(minor))) for driver, major, minor in re.findall(r"^(\d+)[\d.]*, (\d+)\.(\d+)", said, re.MULTILINE)]
        if cards:
            return max(cards, key=lambda card: card.capability or (0, 0))
    if _DRIVER_FILE.exists():
        found = re.search(r"\s(\d{3})\.\d+", _DRIVER_FILE.read_text(encoding="utf-8", errors="replace"))
        return Card(int(found[1])) if found else None
    return None


def build_for(card: Card | None) -> str:
    """The build for a card: "cu130", "cu126" or "cpu".

    CUDA 13 needs driver 580 and a card of capability 7.5 (GeForce 16 and 20 series) or later, CUDA 12 driver 528 and capability 5.0
    (NVIDIA's CUDA compatibility tables).

    Example:
        >>> build_for(Card(driver=550, capability=(8, 6)))
        'cu126'
    """
    if card is None or card.driver < 528 or (card.capability or (9, 0)) < (5, 0):
        return "cpu"
    return "cu130" if card.driver >= 580 and (card.capability or (9, 0)) >= (7, 5) else "cu126"


def options(configuration: Mapping[str, str], version: str) -> list[str]:
    """pip's options for torch ``version`` of the right build; none where PyPI has it, or where the user chose an index.

    Args:
        configuration: pip's, see :func:`nct_core.installation.pip.configuration`.
        version: as in "2.13.0".
    """
    system = platform.system()
    if system not in OWN_BUILD or any(name in configuration for name in ("index-url", "extra-index-url", "no-index")):
        return []
    for build in dict.fromkeys([build_for(nvidia_card()), "cpu"]):
        if build == OWN_BUILD[system]:
            return []
        if _has(f"{INDEXES}/{build}", version, build):
            return ["--extra-index-url", f"{INDEXES}/{build}"]
    return []


def _has(index: str, version: str, build: str) -> bool:
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=5) as page:
            return re.search(rf"torch-{re.escape(version)}(%2B|\+){build}", page.read(1 << 24).decode(errors="replace")) is not None
    except (OSError, ValueError, http.client.HTTPException):  # whatever is wrong with it, there is another build
        return False
