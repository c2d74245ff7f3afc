"""The plug-in in GIMP: what is installed, and whether GIMP finds it.

Standard library only, Python >= 3.9: ``install.py`` uses it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from . import paths

PROCEDURE = "python-fu-neural-color-transfer"

_GIMP_SECONDS = 180


def plugin_answers(gimp: paths.Gimp) -> bool:
    """Starts a GIMP without windows and asks it for the plug-in's procedure."""
    script = f"print('found:', Gimp.get_pdb().lookup_procedure('{PROCEDURE}') is not None)"
    command = [str(gimp.program), "-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_GIMP_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return "found: True" in done.stdout


def installed_worker(user_folder: Path) -> dict[str, Any] | None:
    """The worker.json of the plug-in in one of GIMP's user folders; None if it is not installed there or not readable."""
    try:
        content = json.loads((paths.plugin_folder(user_folder) / "worker.json").read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else None
    except (OSError, ValueError):
        return None
