"""A GIMP with windows, on a screen that nobody sees, in which a scenario of inside/window.py is played."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gimp_session import PROJECT, Gimp

TIMEOUT_SECONDS = 600


def play(
    gimp: Gimp, scenario: str, pictures: Sequence[Path], screenshots: Path, *, language: str = "en", theme: str = "", screen: str = "1400x1000"
) -> dict[str, Any]:
    """Plays a scenario of inside/window.py with these pictures open, and returns what it found.

    Args:
        gimp: to play in.
        scenario: name of a function of inside/window.py.
        pictures: to open.
        screenshots: folder for them and for what GIMP writes to its terminal.
        language: of GIMP's user.
        theme: "light" or "dark"; empty leaves GIMP's default.
        screen: its size in pixels.
    """
    screenshots.mkdir(parents=True, exist_ok=True)
    for old in screenshots.iterdir():
        old.unlink()
    user_folder = gimp.plugin.parents[1]
    scheme = f"(theme-color-scheme {theme})\n" if theme else ""
    (user_folder / "gimprc").write_text(f'(show-welcome-dialog no)\n(check-updates no)\n(config-version "{gimp.host.version}")\n{scheme}')
    last_values(gimp).unlink(missing_ok=True)
    answer = gimp.home / "answer.json"
    answer.unlink(missing_ok=True)
    program = "gimp" if gimp.host.root is None else f"gimp-{gimp.host.minor}"
    started_here = ["sh", "-c", 'cd "$0" && exec "$@"', Path(__file__).parent]  # where Python finds the package
    command = [*started_here, "python3", "-m", "inside.window", program, scenario, screen, answer, screenshots, gimp.log, *pictures]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    binds = [gimp.home, PROJECT, screenshots]
    with gimp.host.popen(
        [str(part) for part in command], binds=binds, outer=[sys.executable], env={"HOME": str(gimp.home), "LANGUAGE": language}, **pipes
    ) as process:
        try:
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()  # GIMP and its screen too
    assert answer.is_file(), f"{output}\n(screenshots: {screenshots})"
    return json.loads(answer.read_text())


def complaints(screenshots: Path) -> list[str]:
    """What the plug-in, or GIMP about it, has complained of in the terminal in the scenario of these screenshots."""
    lines = (screenshots / "messages.txt").read_text(errors="replace").splitlines()
    # GTK itself says this of a key that is released when the file chooser has been closed by it.
    return [line for line in lines if "neural" in line and "WIDGET_REALIZED_FOR_EVENT" not in line]


def last_values(gimp: Gimp) -> Path:
    """Where GIMP keeps what was chosen in the dialog last, for its later sessions."""
    return gimp.plugin.parents[1] / "plug-in-settings" / "GimpProcedureConfigRun-python-fu-neural-color-transfer.last"
