"""What the scenarios in a GIMP with windows share: the menu entry, the worker's log, the processes."""

from __future__ import annotations

import time
from pathlib import Path

from .desktop import Window
from .processes import running

TITLE = "Neural Color Transfer"
BEGINS, TRUE = " of 700 px begins", " at 700 px"  # in the worker's log: what is no draft has begun, and has been finished


def transfers(log: Path) -> int:
    """How many transfers the worker has finished, by its log."""
    return text_of(log).count(" s on ")


def open_dialog(window: Window, words: str = "neural color", title: str = TITLE) -> str:
    """Opens the dialog through GIMP's search for menu entries."""
    window.activate(window.main)
    window.keys("slash")
    window.wait_for_another(window.main, "GIMP's search for menu entries opens")
    window.type(words)
    time.sleep(1)
    window.screenshot("menu entry")
    window.keys("Return")
    dialog = window.find(title)
    window.activate(dialog)
    return dialog


def choose_file(window: Window, picture: Path) -> None:
    """Opens the dialog's file chooser and types a path; what follows is Return."""
    window.keys("alt+a")
    window.activate(window.find("Pictures to take colors from"))
    window.type("/")  # opens the entry for a path, in which what follows at once would be lost
    time.sleep(1)
    window.type(str(picture).removeprefix("/"))


def plugin_ends(window: Window) -> None:
    """Waits until a plug-in that has done its work has also said and kept what it has to."""
    window.until(lambda: not running("neural_color_transfer.py"), "the plug-in ends")
    time.sleep(1)


def begin_run(window: Window, log: Path) -> None:
    """Presses OK, and waits until the worker computes."""
    count = text_of(log).count(BEGINS)
    window.keys("alt+o")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: text_of(log).count(BEGINS) > count, "the run has begun")


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def workers(log: Path) -> list[int]:
    """The worker processes that write to this log."""
    return list(running("nct_core.worker", str(log)))
