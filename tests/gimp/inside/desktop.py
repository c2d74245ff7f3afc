"""A GIMP with windows on a screen of its own, driven by mouse and keyboard, run where that GIMP is.

Needs Xvfb, openbox, xdotool and scrot. A server inside GIMP (``serve``) answers questions about its images.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120
SETTLE_SECONDS = 0.4
LAYERS = "{image.get_name(): [layer.get_name() for layer in image.get_layers()] for image in Gimp.get_images()}"


class Window:
    """A GIMP on a screen of its own, with some pictures open."""

    def __init__(self, program: str, screen: str, screenshots: Path, pictures: list[str]) -> None:
        self._folder = screenshots
        self._folder.mkdir(parents=True, exist_ok=True)
        self._talk = Path(tempfile.mkdtemp())
        self._questions, self._shots = 0, 0
        display, told = os.pipe()
        subprocess.Popen(["Xvfb", "-displayfd", str(told), "-screen", "0", f"{screen}x24"], pass_fds=[told], stderr=subprocess.DEVNULL)
        os.close(told)
        with os.fdopen(display) as pipe:
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

    def keys(self, *names: str, settle: float = SETTLE_SECONDS) -> None:
        for name in names:
            self._xdotool("key", name)
            time.sleep(settle)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "60", text)
        time.sleep(SETTLE_SECONDS)

    def click(self, window: str, right: int, bottom: int, settle: float = SETTLE_SECONDS) -> None:
        """Clicks so many pixels from the window's right and lower edge."""
        left, top, width, height = self.place(window)
        self._xdotool("mousemove", str(left + width - right), str(top + height - bottom), "click", "1")
        time.sleep(settle)

    def place(self, window: str) -> tuple[int, int, int, int]:
        """The left and upper edge, width and height of a window's content, in pixels."""
        place = dict(line.split("=") for line in self._xdotool("getwindowgeometry", "--shell", window).splitlines())
        return int(place["X"]), int(place["Y"]), int(place["WIDTH"]), int(place["HEIGHT"])

    def activate(self, window: str) -> None:
        self._xdotool("windowactivate", "--sync", window)
        time.sleep(SETTLE_SECONDS)

    def find(self, title: str) -> str:
        """The window of this title, as soon as there is one."""
        self.until(lambda: self._xdotool("search", "--onlyvisible", "--name", title) != "", f"a window '{title}' is there")
        return self._xdotool("search", "--onlyvisible", "--name", title).split()[-1]

    def wait_for_another(self, window: str, words: str) -> None:
        """Waits until another window has the keyboard: what is typed before that goes to this one."""
        self.until(lambda: self._xdotool("getactivewindow") not in ("", window), words)
        time.sleep(SETTLE_SECONDS)

    def is_open(self, title: str) -> bool:
        return self._xdotool("search", "--onlyvisible", "--name", title) != ""

    def titles(self) -> list[str]:
        """The titles of all windows that can be seen."""
        found = self._xdotool("search", "--onlyvisible", "--name", ".").split()
        return sorted(self._xdotool("getwindowname", window) for window in found)

    def point_away(self) -> None:
        """Moves the mouse where no tooltip comes from."""
        self._xdotool("mousemove", "10000", "10000")

    def screenshot(self, name: str, *options: str) -> None:
        self._shots += 1
        subprocess.run(["scrot", "-o", *options, str(self._folder / f"{self._shots:02} {name}.png")], env=self._environment, check=True)

    def seen(self, left: int, top: int, width: int, height: int) -> bytes:
        """What a part of the screen shows, as a PNG file."""
        picture = self._talk / "seen.png"
        subprocess.run(["scrot", "-o", "-a", f"{left},{top},{width},{height}", str(picture)], env=self._environment, check=True)
        return picture.read_bytes()

    def until(self, true: Callable[[], bool], words: str) -> float:
        """Waits, and returns how many seconds."""
        started = time.monotonic()
        while not true():
            if time.monotonic() - started > PATIENCE_SECONDS:
                self.screenshot("too late")
                raise AssertionError(f"not in time: {words}")
            time.sleep(0.05)
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
