"""GIMP's progress bar."""

from __future__ import annotations

import gi

from .language import translated

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


def show(fraction: float, stage: str) -> None:
    """Shows how far the worker is: a fraction, 0 to 1, and the stage in the worker's words."""
    Gimp.progress_set_text(translated(stage))
    Gimp.progress_update(fraction)
