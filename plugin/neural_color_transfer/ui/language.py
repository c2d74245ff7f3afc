"""The user's language: gettext with the catalogs in the folder ``locale`` of the plug-in.

Errors and stages are texts in English, which scripts and logs get; they are put into the user's language where a window shows them. Labels are
translated when they are registered: GIMP queries its plug-ins again whenever its language changes.
"""

from __future__ import annotations

import gettext
import itertools
from pathlib import Path

from gi.repository import GLib
from nct_shared.texts import TEXTS, Text

DOMAIN = "neural_color_transfer"
FOLDER = Path(__file__).parents[1] / "locale"


def languages() -> list[str]:
    """Returns the user's languages by preference, up to English, which needs no catalog."""
    return list(itertools.takewhile(lambda name: name.split("_")[0] != "en", GLib.get_language_names()))


_ = gettext.translation(DOMAIN, FOLDER, languages(), fallback=True).gettext


def N_(text: str) -> str:  # noqa: N802  gettext's name
    """Marks a text for the catalogs that is translated where it is used."""
    return text


def in_words(text: Text) -> str:
    """Puts a text into the user's language, with all that it is made of; what has no code stays as it is."""
    return _(TEXTS[text.code]).format(*(in_words(argument) if isinstance(argument, Text) else argument for argument in text.arguments))


def sentence(text: str) -> str:
    """Returns the text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"
