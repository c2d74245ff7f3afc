"""What goes wrong for a user in a GIMP with windows; scenarios of window.py."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from .desktop import Window
from .window_steps import BEGINS, TITLE, begin_run, choose_file, open_dialog, plugin_ends, text_of, transfers, workers


def broken(window: Window, log: Path) -> dict[str, Any]:
    """A worker that does not start."""
    facts: dict[str, Any] = {"before": window.layers(), "windows": window.titles()}
    count = text_of(log).count("the worker is broken")
    open_dialog(window)
    window.keys("alt+t", "space")
    window.until(lambda: text_of(log).count("the worker is broken") > count, "the worker has ended")
    time.sleep(1)
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
    facts["after"], facts["windows afterward"] = window.layers(), window.titles()
    return facts


def killed(window: Window, log: Path) -> dict[str, Any]:
    """A worker that is killed in the middle of a run, and then the one that was started in its place."""
    facts: dict[str, Any] = {"before": window.layers(), "windows": window.titles()}
    open_dialog(window)
    window.keys("alt+t", "space")
    begin_run(window, log)
    count = text_of(log).count(BEGINS)
    for worker in workers(log):
        os.kill(worker, signal.SIGKILL)
    window.until(lambda: text_of(log).count(BEGINS) > count, "another worker has begun")
    window.screenshot("begun again")
    for worker in workers(log):
        os.kill(worker, signal.SIGKILL)
    window.activate(window.find(TITLE))
    window.screenshot("error")
    facts["windows with the error"] = window.titles()
    window.keys("alt+c")
    window.until(lambda: not window.is_open(TITLE), "the error closes")
    plugin_ends(window)
    window.screenshot("error closed")
    facts["after"], facts["windows afterward"] = window.layers(), window.titles()
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
    facts["open without a source"] = window.is_open(TITLE)
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: not workers(log), "the run ends")
    facts["layers"] = [[layer for layer in layers if "neural" in layer] for layers in window.layers().values()]
    return facts


def same_picture(window: Window, log: Path) -> dict[str, Any]:
    """The source's own file as the reference: what only the true transfer can see."""
    (picture,) = log.parent.glob("source.png")
    open_dialog(window)
    choose_file(window, picture)
    count = text_of(log).count(" ERROR ")
    window.keys("Return")
    window.until(lambda: text_of(log).count(" ERROR ") > count, "the true transfer is refused")
    time.sleep(1)
    window.screenshot("refused")
    window.keys("alt+o")
    facts = {"open": window.is_open(TITLE), "refused once more": text_of(log).count(" ERROR ") - count - 1}
    window.keys("Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    return facts


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
    facts["seconds to another preview"] = window.until(lambda: transfers(log) > count, "a preview of the gray layer")
    time.sleep(1)
    window.screenshot("the source is gray")
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
