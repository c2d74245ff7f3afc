"""Drives a GIMP with windows: ``python3 inside_window.py PROGRAM SCENARIO ANSWER SCREENSHOTS LOG PICTURE...``, run where that GIMP is.

Needs Xvfb, openbox, xdotool and scrot. A server inside GIMP (``serve``) answers questions about its images; mouse and keyboard do the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 240
SETTLE_SECONDS = 0.4
TITLE = "Neural Color Transfer"
CANCEL = (279, 21)  # px from the right and lower edge of GIMP's window
LAYERS = "{image.get_name(): [layer.get_name() for layer in image.get_layers()] for image in Gimp.get_images()}"


class Window:
    """A GIMP on a screen of its own, with some pictures open."""

    def __init__(self, program: str, screenshots: Path, pictures: list[str]) -> None:
        self._folder = screenshots
        self._folder.mkdir(parents=True, exist_ok=True)
        self._talk = Path(tempfile.mkdtemp())
        self._questions, self._shots = 0, 0
        screen, told = os.pipe()
        subprocess.Popen(["Xvfb", "-displayfd", str(told), "-screen", "0", "1400x1000x24"], pass_fds=[told], stderr=subprocess.DEVNULL)
        os.close(told)
        with os.fdopen(screen) as pipe:
            self._environment = {**os.environ, "DISPLAY": f":{pipe.readline().strip()}", "NO_AT_BRIDGE": "1"}
        self._spawn("openbox")
        code = f"import runpy; runpy.run_path({__file__!r})['serve']({str(self._talk)!r})"
        self._spawn("dbus-run-session", program, "-n", "--no-splash", "--batch-interpreter=python-fu-eval", "-b", code, *pictures)
        self.until(lambda: len(self.layers()) == len(pictures), "the pictures are open")
        self.main = self.find("GIMP$")
        self.activate(self.main)
        self.keys("alt+1")

    def ask(self, expression: str) -> Any:
        """The value of an expression in GIMP."""
        self._questions += 1
        question, answer = (self._talk / f"{self._questions}.{kind}" for kind in ("question", "answer"))
        _write(question, expression)
        self.until(answer.exists, f"GIMP answers {expression}")
        value, problem = json.loads(answer.read_text())
        assert not problem, problem
        return value

    def layers(self) -> dict[str, list[str]]:
        """The names of every image's layers from the top, by the lowest one's."""
        return self.ask(LAYERS)

    def keys(self, *names: str) -> None:
        for name in names:
            self._xdotool("key", name)
            time.sleep(SETTLE_SECONDS)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "60", text)
        time.sleep(SETTLE_SECONDS)

    def click(self, window: str, right: int, bottom: int) -> None:
        """Clicks so many pixels from the window's right and lower edge."""
        place = dict(line.split("=") for line in self._xdotool("getwindowgeometry", "--shell", window).splitlines())
        x, y = int(place["X"]) + int(place["WIDTH"]) - right, int(place["Y"]) + int(place["HEIGHT"]) - bottom
        self._xdotool("mousemove", str(x), str(y), "click", "1")
        time.sleep(SETTLE_SECONDS)

    def activate(self, window: str) -> None:
        self._xdotool("windowactivate", "--sync", window)
        time.sleep(SETTLE_SECONDS)

    def find(self, title: str) -> str:
        """The window of this title, as soon as there is one."""
        self.until(lambda: self._xdotool("search", "--onlyvisible", "--name", title) != "", f"a window '{title}' is there")
        return self._xdotool("search", "--onlyvisible", "--name", title).split()[-1]

    def is_open(self, title: str) -> bool:
        return self._xdotool("search", "--onlyvisible", "--name", title) != ""

    def titles(self) -> list[str]:
        """The titles of all windows that can be seen."""
        found = self._xdotool("search", "--onlyvisible", "--name", ".").split()
        return sorted(self._xdotool("getwindowname", window) for window in found)

    def point_away(self) -> None:
        """Moves the mouse where no tooltip comes from."""
        self._xdotool("mousemove", "1399", "999")

    def screenshot(self, name: str, *options: str) -> None:
        self._shots += 1
        subprocess.run(["scrot", "-o", *options, str(self._folder / f"{self._shots:02} {name}.png")], env=self._environment, check=True)

    def until(self, true: Callable[[], bool], words: str) -> float:
        """Waits, and returns how many seconds."""
        started = time.monotonic()
        while not true():
            if time.monotonic() - started > PATIENCE_SECONDS:
                self.screenshot("too late")
                raise AssertionError(f"not in time: {words}")
            time.sleep(0.1)
        return time.monotonic() - started

    def _spawn(self, *command: str) -> None:
        with (self._folder / "messages.txt").open("ab") as messages:
            subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)

    def _xdotool(self, *arguments: str) -> str:
        return subprocess.run(["xdotool", *arguments], env=self._environment, capture_output=True, text=True).stdout.strip()


def serve(folder: str) -> None:
    """Answers questions inside GIMP, one after the other, until GIMP ends."""
    import gi

    gi.require_version("Gimp", "3.0")
    from gi.repository import Gimp

    number = 0
    while True:
        number += 1
        question = Path(folder, f"{number}.question")
        while not question.exists():
            time.sleep(0.05)
        try:
            answer = (eval(question.read_text(), {"Gimp": Gimp}), "")
        except Exception as error:
            answer = (None, repr(error))
        _write(question.with_suffix(".answer"), json.dumps(answer))


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


def transfers(log: Path) -> int:
    """How many transfers the worker has finished, by its log."""
    return log.read_text().count(" s on ") if log.exists() else 0


def open_dialog(window: Window) -> str:
    """Opens the dialog through GIMP's search for menu entries."""
    window.activate(window.main)
    window.keys("slash")
    time.sleep(1)
    window.type("neural color")
    time.sleep(1)
    window.screenshot("menu entry")
    window.keys("Return")
    dialog = window.find(TITLE)
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
    time.sleep(1)
    window.screenshot("preview")
    window.keys("alt+e", "ctrl+a")
    count = transfers(log)
    window.type("0.5")
    window.keys("Tab")
    time.sleep(1)
    window.screenshot("half strength")
    facts["transfers for another strength"] = transfers(log) - count
    window.keys("alt+o")
    window.screenshot("running")
    window.until(lambda: sum(map(len, window.layers().values())) > sum(map(len, facts["before"].values())), "the new layer")
    facts["after"] = window.layers()
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
    """Cancel in the dialog, and Cancel in the middle of a run."""
    facts: dict[str, Any] = {"before": window.layers()}
    open_dialog(window)
    window.keys("alt+t", "space", "Escape")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    facts["after the dialog"] = window.layers()
    open_dialog(window)
    window.keys("alt+t", "space")
    count = log.read_text().count(" source ")
    window.keys("alt+o")
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: log.read_text().count(" source ") > count, "the run has begun")
    window.screenshot("running")
    window.click(window.main, *CANCEL)
    window.until(lambda: not workers(log), "the worker ends")
    window.screenshot("cancelled")
    facts["after the run"] = window.layers()
    facts["transfers finished or failed"] = transfers(log) + log.read_text().count(" ERROR ")
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
    window.until(lambda: not window.is_open(TITLE), "the dialog closes")
    window.until(lambda: not workers(log), "the run ends")
    time.sleep(1)
    window.screenshot("the source is gone")
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


def workers(log: Path) -> list[str]:
    """The worker processes that write to this log."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "nct_core.worker" in command and str(log) in command:
            found.append(folder.name)
    return found


def main(program: str, scenario: str, answer: str, screenshots: str, log: str, *pictures: str) -> None:
    window = Window(program, Path(screenshots), list(pictures))
    scenarios = {"choose_preview_run_undo": choose_preview_run_undo, "cancel": cancel, "broken": broken, "killed": killed, "gone": gone, "show": show}
    facts = scenarios[scenario](window, Path(log))
    Path(answer).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
