"""OK, Cancel, Escape and closing the dialog at its busiest moments, and what cannot be run; scenarios of window.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .desktop import Window
from .processes import running
from .window_steps import BEGINS, TITLE, TRUE, open_dialog, text_of, workers

DRAFT_BEGINS = " of 256 px begins"
CANCEL = (279, 21)  # px from the right and lower edge of GIMP's window
MOMENTS = (("alt+c", "draft"), ("Escape", "final"), ("alt+F4", "final"), ("alt+o", "nothing"), ("alt+o", "draft"), ("alt+o twice", "final"))


def moments(window: Window, log: Path) -> dict[str, Any]:
    """Each key at each moment; after OK, Cancel beside GIMP's progress bar. What was found, and how long it took."""
    return {f"{key} {moment}": _act(window, log, key, moment) for key, moment in MOMENTS}


def _act(window: Window, log: Path, key: str, moment: str) -> dict[str, Any]:
    def ended() -> bool:
        return not workers(log) and not running("neural_color_transfer.py")

    before, finals, drafts = window.layers(), text_of(log).count(BEGINS), text_of(log).count(DRAFT_BEGINS)
    open_dialog(window)
    window.keys("alt+t", "space", settle=0.0)
    if moment == "draft":
        window.until(lambda: text_of(log).count(DRAFT_BEGINS) > drafts, "the draft has begun")
    if moment == "final":
        window.until(lambda: text_of(log).count(BEGINS) > finals, "the final transfer has begun")
        time.sleep(0.5)
    finished = _finals(log)
    for name in [key.split()[0]] * (2 if key.endswith("twice") else 1):
        window.keys(name, settle=0.0)
    facts: dict[str, Any] = {"seconds until the dialog is gone": window.until(lambda: not window.is_open(TITLE), "the dialog closes")}
    if key.startswith("alt+o"):
        facts["final transfers before the dialog was gone"] = _finals(log) - finished
        window.until(lambda: text_of(log).count(BEGINS) > finals, "the run has begun")
        window.screenshot(f"{key} {moment}".replace("+", " "))
        window.click(window.main, *CANCEL, settle=0.0)
    facts["seconds until all is gone"] = window.until(ended, "plug-in and worker end")
    time.sleep(0.5)
    facts["unchanged"] = window.layers() == before
    facts["final transfers"] = _finals(log) - finished
    return facts


def _finals(log: Path) -> int:
    return text_of(log).count(TRUE)


def ticks_and_several_layers(window: Window, log: Path) -> dict[str, Any]:
    """The button that takes away all ticks; then the menu entry while two layers are selected."""
    facts: dict[str, Any] = {}
    open_dialog(window)
    window.keys("alt+t", "space", "Down", "space")
    window.screenshot("two ticks")
    window.keys("Tab", "Tab", "space")
    window.screenshot("no tick")
    window.keys("alt+o")
    facts["open without a tick"] = window.is_open(TITLE)
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    source = "[image for image in Gimp.get_images() if image.get_name().startswith('[source]')][0]"
    window.ask(
        f"[{source}.insert_layer(Gimp.Layer.new({source}, 'more', 60, 60, 0, 100, 28), None, 0), {source}.set_selected_layers({source}.get_layers())][:0]"
    )
    count = text_of(log).count("worker ")
    open_dialog(window)
    window.screenshot("why not")
    facts["workers for two layers"] = text_of(log).count("worker ") - count
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the message closes")
    return facts
