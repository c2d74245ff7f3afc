"""What a user does in a GIMP with windows: ``python3 inside_window.py PROGRAM SCENARIO ANSWER SCREENSHOTS LOG PICTURE...``, run where that GIMP is."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from desktop import Window

TITLE = "Neural Color Transfer"
TRUE = " at 700 px"  # in the worker's log, of what is no draft
CANCEL = (279, 21)  # px from the right and lower edge of GIMP's window


def transfers(log: Path) -> int:
    """How many transfers the worker has finished, by its log."""
    return text_of(log).count(" s on ")


def open_dialog(window: Window, words: str = "neural color", title: str = TITLE) -> str:
    """Opens the dialog through GIMP's search for menu entries."""
    window.activate(window.main)
    window.keys("slash")
    time.sleep(1)
    window.type(words)
    time.sleep(1)
    window.screenshot("menu entry")
    window.keys("Return")
    dialog = window.find(title)
    window.activate(dialog)
    return dialog


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
    window.type("0.5")
    window.keys("Tab")
    time.sleep(1)
    window.screenshot("half strength")
    facts["transfers for another strength"] = transfers(log) - count
    facts["transfers finished before OK"] = transfers(log)
    window.keys("alt+o")
    window.screenshot("running")
    window.until(lambda: sum(map(len, window.layers().values())) > sum(map(len, facts["before"].values())), "the new layer")
    facts["after"] = window.layers()
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
        return not workers(log) and not processes("neural_color_transfer.py")

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
    count = text_of(log).count(" source ")
    window.keys("alt+o")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: text_of(log).count(" source ") > count, "the run has begun")
    window.screenshot("running")
    window.click(window.main, *CANCEL, settle=0.0)
    facts["seconds"]["run"] = window.until(ended, "the plug-in ends")
    time.sleep(1)
    window.screenshot("cancelled")
    facts["after the run"] = window.layers()
    facts["transfers finished or failed"] = transfers(log) + text_of(log).count(" ERROR ")
    return facts


def broken(window: Window, log: Path) -> dict[str, Any]:
    """A worker that does not start."""
    facts: dict[str, Any] = {"before": window.layers(), "windows": window.titles()}
    open_dialog(window)
    window.keys("alt+t", "space")
    time.sleep(3)
    window.screenshot("no worker")
    window.keys("alt+o")
    facts["open without a worker"] = window.is_open(TITLE)
    window.keys("alt+d")
    time.sleep(1)
    window.screenshot("error")
    window.keys("alt+d", "alt+l")
    time.sleep(1)
    window.screenshot("error with details")
    window.keys("alt+c")
    time.sleep(1)
    window.screenshot("error closed")
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    facts["after"], facts["windows afterwards"] = window.layers(), window.titles()
    return facts


def killed(window: Window, log: Path) -> dict[str, Any]:
    """A worker that is killed in the middle of a run."""
    facts: dict[str, Any] = {"before": window.layers(), "windows": window.titles()}
    open_dialog(window)
    window.keys("alt+t", "space")
    count = log.read_text().count(" source ") if log.exists() else 0
    window.keys("alt+o")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: log.read_text().count(" source ") > count, "the run has begun")
    for worker in workers(log):
        os.kill(int(worker), signal.SIGKILL)
    window.activate(window.find(TITLE))
    window.screenshot("error")
    facts["windows with the error"] = window.titles()
    window.keys("alt+c")
    window.until(lambda: not window.is_open(TITLE), "the error closes")
    time.sleep(1)
    window.screenshot("error closed")
    facts["after"], facts["windows afterwards"] = window.layers(), window.titles()
    return facts


def gone(window: Window, log: Path) -> dict[str, Any]:
    """Layers that are deleted while the dialog is open."""
    facts: dict[str, Any] = {}
    remove = "[image.remove_layer(layer) for image in Gimp.get_images() for layer in image.get_layers() if layer.get_name() == '{}']"
    dialog = open_dialog(window)
    window.keys("alt+t", "space", "Down", "space")
    window.ask(remove.format("sky.png"))
    window.activate(window.main)
    window.activate(dialog)
    window.screenshot("a reference is gone")
    window.ask(remove.format("grass.png"))
    window.activate(window.main)
    window.activate(dialog)
    window.screenshot("all references are gone")
    window.keys("alt+o")
    facts["open without a reference"] = window.is_open(TITLE)
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.ask("[image.insert_layer(Gimp.Layer.new(image, 'more', 60, 60, 0, 100, 28), None, 0) for image in Gimp.get_images()]")
    window.activate(window.main)
    open_dialog(window)
    window.keys("alt+t", "space")
    window.ask("[image.remove_layer(image.get_layers()[0]) for image in Gimp.get_images() if image.get_name().startswith('[source]')]")
    window.keys("alt+o")
    time.sleep(2)
    window.screenshot("the source is gone")
    window.keys("Return")
    window.until(lambda: not window.is_open(TITLE), "the error closes")
    window.until(lambda: not workers(log), "the run ends")
    facts["layers"] = [[layer for layer in layers if "neural" in layer] for layers in window.layers().values()]
    return facts


def show(window: Window, log: Path) -> dict[str, Any]:
    """The dialog with its preview, for the documentation."""
    dialog = open_dialog(window)
    count = transfers(log)
    window.keys("alt+t", "space")
    window.until(lambda: transfers(log) > count, "a preview")
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


def changed(window: Window, log: Path) -> dict[str, Any]:
    """Images whose mode is changed, and one that is closed, while the dialog is open."""

    def change(name: str, what: str) -> None:
        window.ask(f"[image.{what} for image in Gimp.get_images() if image.get_name().startswith('[{name}]')]")

    def look_again() -> None:
        window.activate(window.main)
        window.activate(dialog)

    indexed = "convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, '')"
    facts: dict[str, Any] = {}
    dialog = open_dialog(window)
    count = transfers(log)
    window.keys("alt+t", "space", "Down", "space")
    window.until(lambda: transfers(log) > count, "a preview")
    count = transfers(log)
    change("source", "convert_grayscale()")
    look_again()
    facts["seconds to another preview"] = window.until(lambda: transfers(log) > count, "a preview of the grey layer")
    time.sleep(1)
    window.screenshot("the source is grey")
    count = transfers(log)
    change("sky", indexed)
    look_again()
    window.until(lambda: transfers(log) > count, "a preview with one reference")
    time.sleep(1)
    window.screenshot("a reference is indexed")
    window.ask("Gimp.Display.get_by_id(3).delete()")
    look_again()
    time.sleep(1)
    window.screenshot("an image is closed")
    facts["images"] = sorted(window.layers())
    window.keys("alt+o")
    facts["open without a reference"] = window.is_open(TITLE)
    change("sky", "convert_rgb()")  # its tick is still known
    look_again()
    change("source", indexed)
    look_again()
    window.screenshot("the source is indexed")
    window.keys("alt+o")
    facts["open with an indexed source"] = window.is_open(TITLE)
    change("source", "convert_rgb()")
    look_again()
    change("source", "convert_grayscale()")
    window.keys("alt+o")
    window.until(lambda: any(len(layers) > 1 for layers in window.layers().values()), "the new layer")
    facts["layers"] = window.layers()
    return facts


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def workers(log: Path) -> list[str]:
    """The worker processes that write to this log."""
    return processes("nct_core.worker", str(log))


def processes(*words: str) -> list[str]:
    """The processes whose command lines hold all these words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if all(word in command for word in words):
            found.append(folder.name)
    return found


def main(program: str, scenario: str, answer: str, screenshots: str, log: str, *pictures: str) -> None:
    window = Window(program, Path(screenshots), list(pictures))
    scenarios = {function.__name__: function for function in (choose_preview_run_undo, cancel, broken, killed, gone, changed, translated, show)}
    facts = scenarios[scenario](window, Path(log))
    Path(answer).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
