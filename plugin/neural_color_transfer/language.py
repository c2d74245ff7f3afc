"""The user's language: gettext over the catalogs beside the plug-in.

Errors are raised in English, as scripts and logs get them, and translated where a window shows them.
Python's own gettext, not GIMP's: a label is translated where it is registered, and GIMP asks anew whenever its language changes.
"""

from __future__ import annotations

import gettext
import itertools
import re
from pathlib import Path

from gi.repository import GLib

DOMAIN = "neural_color_transfer"
FOLDER = Path(__file__).with_name("locale")


def languages() -> list[str]:
    """What the user reads, best first; English needs no catalog, so what comes after it is of no use."""
    return list(itertools.takewhile(lambda name: name.split("_")[0] != "en", GLib.get_language_names()))


_ = gettext.translation(DOMAIN, FOLDER, languages(), fallback=True).gettext


def N_(text: str) -> str:  # noqa: N802  gettext's name
    """Marks a text that is translated where it is used."""
    return text


# What is told in English, by the worker, worker_client, references, outputs and gimpfu_plugin, with {} for what varies.
_TOLD = (
    N_("Reading colors"),
    N_("Loading the network"),
    N_("Reading the reference"),
    N_("Reading the reference {}"),
    N_("Matching, level {} of {}"),
    N_("Matching {}, level {} of {}"),
    N_("Recoloring, level {} of {}"),
    N_("Applying the colors"),
    N_("Too little memory on {}: beginning again on the CPU"),
    N_("Done"),
    N_("source"),
    N_("the reference '{}'"),
    N_("expected a picture that differs from the source, got the same pixels; choose another picture"),
    N_("expected something visible within its mask and selection, got nothing; select another part of it"),
    N_("expected at least one pixel that is not fully transparent, got none"),
    N_("expected at least 2 pixels a side, since a single row or column has no patches to match, got {}"),
    N_("expected an image file, but there is no such file; check the path"),
    N_("expected a PNG, TIFF, JPEG or WebP image, got {}; convert it to one of these first"),
    N_("expected a whole PNG, TIFF, JPEG or WebP image, got a damaged file ({}); get or save it again"),
    N_("expected at most {} references, got {}; choose those that matter"),
    N_("expected enough memory for the pictures, but the machine has no more; use smaller pictures or close other programs"),
    N_("expected network weights in {}, found none; run install.py again, or: python -m nct_core.features.weights fetch"),
    N_("expected at most {} references of this size in the {} GiB of memory that are free, got {}; use fewer, a smaller working size, or close other programs"),
    N_("expected the plug-in's settings in {}, got {}; run install.py again"),
    N_("expected a worker of version {}, got {}; run install.py again"),
    N_("the worker {} cannot be started ({}); run install.py again"),
    N_("the worker ended unexpectedly (exit status {}); run install.py again if it does so repeatedly"),
    N_("the worker failed unexpectedly ({}: {})"),
    N_("the plug-in failed unexpectedly ({}: {})"),
    N_("expected the layer to recolor to stay in its image, but it is gone; start again"),
    N_("expected the layer to recolor to stay as it was, but its size, mode, precision or color profile was changed; start again"),
    N_("expected reference layers of open images, got one that is gone; choose another"),
    N_("expected layers of open images, got one that is gone; choose another"),
    N_("expected a layer to recolor, but it is gone; select another one and start again"),
    N_("expected a layer, got the mask or channel '{}'; select a layer"),
    N_("expected at least one reference layer or file, got none; choose one whose colors are wanted"),
    N_("expected RGB or grayscale, got '{}' of an indexed image; convert it with Image > Mode > RGB"),
    N_("expected references other than the source, got the layer '{}' as both; choose another reference"),
    N_("expected a file of this machine, got {}; save it here first"),
    N_("Expected one selected layer, got {}; select the one to work on"),
    N_("Expected a layer, got the mask or channel {}; select a layer"),
)


def translated(told: str) -> str:
    """What was told in English, in the user's language as far as the catalog knows it."""
    subject, divider, expected = told.partition(": expected ")
    if divider:
        return _("{}: {}").format(translated(subject), translated(f"expected {expected}"))
    for template in _TOLD:
        found = re.fullmatch(re.escape(template).replace(r"\{\}", "(.*?)"), told, re.DOTALL)
        if found:
            return _(template).format(*found.groups())
    return told


def sentence(text: str) -> str:
    """The text with a capital letter in front."""
    return f"{text[:1].upper()}{text[1:]}"
