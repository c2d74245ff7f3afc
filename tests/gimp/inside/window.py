"""What a user does in a GIMP with windows: ``python3 -m inside.window PROGRAM SCENARIO SCREEN ANSWER SCREENSHOTS LOG PICTURE...``, run where that GIMP is."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from .desktop import Window
from .processes import running
from .window_moments import moments, ticks_and_several_layers
from .window_steps import TITLE, TRUE, begin_run, choose_file, open_dialog, plugin_ends, text_of, transfers, workers
from .window_troubles import broken, changed, gone, killed, same_picture

ENDING_SECONDS = 10
CANCEL = (279, 21)  # px from the right and lower edge of GIMP's window


def choose_preview_run_undo(window: Window, log: Path) -> dict[str, Any]:
    """The whole way of a user with two references."""
    facts: dict[str, Any] = {"before": window.layers()}
    open_dialog(window)
    window.keys("alt+o")
    window.screenshot("nothing ticked")
    facts["open without a reference"] = window.is_open(TITLE)
    window.keys("alt+t", "space")
    count = transfers(log)
    window.keys("Down", "space")
    facts["first preview"] = window.until(lambda: transfers(log) > count, "a preview")
    time.sleep(0.2)
    window.screenshot("draft")
    true = text_of(log).count(TRUE)
    facts["true transfer"] = window.until(lambda: text_of(log).count(TRUE) > true, "the true transfer")
    time.sleep(1)
    window.screenshot("preview")
    window.keys("alt+e", "ctrl+a")
    count = transfers(log)
    window.type("50")
    window.keys("Tab")
    time.sleep(1)
    window.screenshot("half strength")
    facts["transfers for another strength"] = transfers(log) - count
    facts["transfers finished before OK"] = transfers(log)
    window.keys("alt+o")
    window.screenshot("running")
    window.until(lambda: sum(map(len, window.layers().values())) > sum(map(len, facts["before"].values())), "the new layer")
    facts["after"] = window.layers()
    facts["windows"] = window.titles()
    facts["selected"] = window.ask("[layer.get_name() for image in Gimp.get_images() for layer in image.get_selected_layers()]")
    facts["transfers finished after OK"] = transfers(log)
    time.sleep(1)
    window.screenshot("new layer")
    window.activate(window.main)
    for key, name in (("ctrl+z", "undone"), ("ctrl+y", "redone")):
        layers = window.layers()
        window.keys(key)
        window.until(lambda layers=layers: window.layers() != layers, name)
        facts[name] = window.layers()
        window.screenshot(name)
    return facts


def cancel(window: Window, log: Path) -> dict[str, Any]:
    """Cancel in the dialog, at once and in the middle of a preview, and Cancel in the middle of a run."""
    facts: dict[str, Any] = {"before": window.layers(), "seconds": {}}

    def ended() -> bool:
        return not workers(log) and not running("neural_color_transfer.py")

    open_dialog(window)
    window.keys("Escape", settle=0.0)
    facts["seconds"]["dialog, worker starting"] = window.until(ended, "the plug-in ends")
    open_dialog(window)
    count = text_of(log).count(" reference ")
    window.keys("alt+t", "space")
    window.until(lambda: text_of(log).count(" reference ") > count, "the preview has begun")
    window.keys("Escape", settle=0.0)
    facts["seconds"]["dialog, in a preview"] = window.until(ended, "the plug-in ends")
    facts["after the dialog"] = window.layers()
    open_dialog(window)
    window.keys("alt+t", "space")
    begin_run(window, log)
    window.screenshot("running")
    window.click(window.main, *CANCEL, settle=0.0)
    facts["seconds"]["run"] = window.until(ended, "the plug-in ends")
    time.sleep(1)
    window.screenshot("canceled")
    facts["after the run"] = window.layers()
    facts["transfers finished or failed"] = transfers(log) + text_of(log).count(" ERROR ")
    return facts


def show(window: Window, log: Path) -> dict[str, Any]:
    """The dialog with its preview, for the documentation."""
    dialog = open_dialog(window)
    count = text_of(log).count(TRUE)
    window.keys("alt+t", "space")
    window.until(lambda: text_of(log).count(TRUE) > count, "the true transfer")
    window.keys("alt+e")
    window.point_away()
    time.sleep(2)
    window.activate(dialog)
    window.screenshot("dialog", "--focused", "--border")
    return {}


def translated(window: Window, log: Path) -> dict[str, Any]:
    """The dialog in the language that GIMP was started in."""
    procedure = "Gimp.get_pdb().lookup_procedure('python-fu-neural-color-transfer')"
    label = window.ask(f"{procedure}.get_menu_label()")
    title = label.replace("_", "").rstrip("…")
    open_dialog(window, " ".join(title.split()[:3]), title)
    count = transfers(log)
    window.keys("space")
    window.until(lambda: transfers(log) > count, "a preview")
    time.sleep(1)
    window.screenshot("dialog")
    window.keys("Escape")
    window.until(lambda: not window.is_open(title), "the dialog closes")
    return {"label": label, "blurb": window.ask(f"{procedure}.get_blurb()")}


def small_screen(window: Window, log: Path) -> dict[str, Any]:
    """The dialog with all its parameters, by keyboard; the last of them is changed."""
    dialog = open_dialog(window)
    window.point_away()
    window.keys("alt+t")
    time.sleep(1)
    facts: dict[str, Any] = {"dialog": window.place(dialog), "before": window.layers()}
    left, top, width, height = facts["dialog"]
    sliders = left + width * 2 // 3, top + height // 2, width // 3, height // 4
    window.screenshot("dialog")
    shown = window.seen(*sliders)
    window.keys("space")
    time.sleep(1)
    window.screenshot("ticked")
    facts["still after the first tick"] = window.seen(*sliders) == shown
    window.keys("alt+v")
    time.sleep(1)
    window.screenshot("advanced")
    facts["with all parameters"] = window.place(dialog)
    window.keys(*["Tab"] * 10, settle=0.1)
    window.type("7")
    window.keys("Tab")
    window.screenshot("last parameter")
    window.keys("alt+o")
    window.until(lambda: window.layers() != facts["before"], "the new layer")
    return facts


def file_instead(window: Window, log: Path) -> dict[str, Any]:
    """A layer as the reference; then, with its tick taken away, a file; then once more as the last time."""
    (picture,) = log.parent.glob("sky.png")
    facts: dict[str, Any] = {"windows before": len(window.titles())}
    open_dialog(window)
    window.keys("alt+t", "space", "alt+o")
    layers_are(window, 2)
    plugin_ends(window)
    open_dialog(window)
    window.keys("alt+t", "space")
    choose_file(window, picture)
    window.screenshot("a file")
    count = transfers(log)
    window.keys("Return")
    window.until(lambda: transfers(log) > count, "a preview")
    time.sleep(1)
    window.screenshot("preview")
    window.keys("alt+o")
    layers_are(window, 3)
    plugin_ends(window)
    window.activate(window.main)
    window.keys("ctrl+f")
    layers_are(window, 4)
    plugin_ends(window)
    window.screenshot("new layers")
    facts["windows"] = len(window.titles())
    return facts


def layers_are(window: Window, number: int) -> None:
    window.until(lambda: max(map(len, window.layers().values())) == number, f"there are {number} layers")


SCENARIOS = (
    choose_preview_run_undo,
    cancel,
    broken,
    killed,
    gone,
    same_picture,
    changed,
    moments,
    ticks_and_several_layers,
    translated,
    show,
    small_screen,
    file_instead,
)


def main(program: str, scenario: str, screen: str, answer: str, screenshots: str, log: str, *pictures: str) -> None:
    window = Window(program, screen, Path(screenshots), list(pictures))
    scenarios = {function.__name__: function for function in SCENARIOS}
    facts = scenarios[scenario](window, Path(log))
    patience = time.monotonic() + ENDING_SECONDS  # a plug-in that has done its work keeps its values and leaves, unless GIMP is gone before
    while running("neural_color_transfer.py") and time.monotonic() < patience:
        time.sleep(0.1)
    Path(answer).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
