"""The parameters of a transfer as sliders of the dialog and arguments of the procedure, in the user's language."""

from __future__ import annotations

import gettext
from typing import Any

import gi
from choices import LABELS
from gimpfu_compat import PF_SLIDER, PF_SPINNER
from language import N_, _, languages, sentence
from nct_shared.params import Parameter, describe

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

_GIMPS_BUTTONS = ("_Reset", "_Load Saved Settings", "_Save Settings", "_Cancel", "_OK")
_UNITS = {"px": N_("px"), "% of side": N_("% of side")}  # the others go without saying


def sliders() -> list[tuple[Any, ...]]:
    """Every parameter as :func:`gimpfu_compat.register` takes it: with a mnemonic as far as the letters reach, and as tooltip its effect."""
    gimps = gettext.translation("gimp30-libgimp", Gimp.locale_directory(), languages(), fallback=True).gettext
    taken = {_mnemonic(label) for label in (*LABELS, *map(gimps, _GIMPS_BUTTONS))}
    made = []
    for parameter in describe():
        label = label_of(parameter)
        letter = next((letter for letter in label.lower() if letter.isascii() and letter.isalpha() and letter not in taken), "")
        taken.add(letter)
        at = label.lower().index(letter)
        kind, step = (PF_SPINNER, 1) if parameter.integer else (PF_SLIDER, 0.01)
        extra = (parameter.low, parameter.high, step)
        made.append((kind, parameter.name, f"{label[:at]}{'_' if letter else ''}{label[at:]}", parameter.default, extra, _(effect_of(parameter))))
    return made


def label_of(parameter: Parameter) -> str:
    """The parameter's name for people, with its unit where it needs one."""
    return _(parameter.label) + (f" ({_(_UNITS[parameter.unit])})" if parameter.unit in _UNITS else "")


def effect_of(parameter: Parameter) -> str:
    """What the parameter does, a sentence in English, without the source in parentheses."""
    return sentence(parameter.effect.rpartition(" (")[0])


def _mnemonic(label: str) -> str:
    return label.partition("_")[2][:1].lower()
