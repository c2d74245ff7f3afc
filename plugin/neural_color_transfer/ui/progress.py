"""GIMP's progress bar."""

from __future__ import annotations

import gi
from nct_shared.texts import Text

from .language import in_words

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


def show(fraction: float, stage: Text) -> None:
    """Shows how far the worker is: a fraction, 0 to 1, and the stage."""
    Gimp.progress_set_text(in_words(stage))
    Gimp.progress_update(fraction)
