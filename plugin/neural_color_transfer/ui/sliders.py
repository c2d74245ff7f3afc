"""The parameters of a transfer as arguments of the procedure and sliders of the dialog, in the user's language."""

from __future__ import annotations

import gettext
from typing import Any

import gi
from gimpfu import PF_SLIDER, PF_SPINNER
from nct_shared.params import Parameter, describe

from .labels import WITH_MNEMONICS
from .language import N_, _, languages, sentence

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

_GIMP_BUTTONS = ("_Reset", "_Load Saved Settings", "_Save Settings", "_Cancel", "_OK")
_UNITS = {"px": N_("px"), "% of side": N_("{} of side")}  # the labels of the others need no unit; Babel takes "% o" for a format


def sliders() -> list[tuple[Any, ...]]:
    """Returns every parameter as :func:`gimpfu.register` takes it, with its effect as tooltip and a mnemonic as long as there are free letters."""
    gimp_gettext = gettext.translation("gimp30-libgimp", Gimp.locale_directory(), languages(), fallback=True).gettext
    taken = {_mnemonic(label) for label in (*WITH_MNEMONICS, *map(gimp_gettext, _GIMP_BUTTONS))}
    arguments = []
    for parameter in describe():
        label = label_of(parameter)
        letter = next((letter for letter in label.lower() if letter.isascii() and letter.isalpha() and letter not in taken), "")
        taken.add(letter)
        at = label.lower().index(letter)
        kind, step = (PF_SPINNER, 1) if parameter.integer else (PF_SLIDER, 0.01)
        extra = (parameter.low, parameter.high, step)
        arguments.append((kind, parameter.name, f"{label[:at]}{'_' if letter else ''}{label[at:]}", parameter.default, extra, _(effect_of(parameter))))
    return arguments


def label_of(parameter: Parameter) -> str:
    """Returns the parameter's label, with its unit if it needs one."""
    return _(parameter.label) + (f" ({_(_UNITS[parameter.unit]).format('%')})" if parameter.unit in _UNITS else "")


def effect_of(parameter: Parameter) -> str:
    """Returns what the parameter does, a sentence in English without the source in parentheses."""
    return sentence(parameter.effect.rpartition(" (")[0])


def _mnemonic(label: str) -> str:
    return label.partition("_")[2][:1].lower()
