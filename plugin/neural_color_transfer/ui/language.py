"""The user's language: gettext with the catalogs in the folder ``locale`` of the plug-in.

Errors are raised in English, which scripts and logs get, and translated where a window shows them. Labels are translated when they are
registered: GIMP queries its plug-ins again whenever its language changes.
"""

from __future__ import annotations

import gettext
import itertools
import re
from pathlib import Path

from gi.repository import GLib

DOMAIN = "neural_color_transfer"
FOLDER = Path(__file__).parents[1] / "locale"


def languages() -> list[str]:
    """Returns the user's languages by preference, up to English, which needs no catalog."""
    return list(itertools.takewhile(lambda name: name.split("_")[0] != "en", GLib.get_language_names()))


_ = gettext.translation(DOMAIN, FOLDER, languages(), fallback=True).gettext


def N_(text: str) -> str:  # noqa: N802  gettext's name
    """Marks a text for the catalogs that is translated where it is used."""
    return text


# Messages in English from the worker and the other folders of the plug-in, with {} for the parts that vary.
_MESSAGES = (
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
    N_("the worker ended unexpectedly (exit status {}); run install.py again if this happens repeatedly"),
    N_("the worker failed unexpectedly ({}: {})"),
    N_("the plug-in failed unexpectedly ({}: {})"),
    N_("the layer to recolor was removed during the transfer; start again"),
    N_("the size, mode, precision or color profile of the layer to recolor was changed during the transfer; start again"),
    N_("expected reference layers of open images, got one that is gone; choose another"),
    N_("expected layers of open images, got one that is gone; choose another"),
    N_("the layer to recolor is gone; select another layer and start again"),
    N_("expected a layer, got the mask or channel '{}'; select a layer"),
    N_("expected at least one reference layer or file, got none; choose one to take colors from"),
    N_("expected an RGB or grayscale layer, got '{}' of an indexed image; convert the image with Image > Mode > RGB"),
    N_("expected references other than the source, got the layer '{}' as both; choose another reference"),
    N_("expected a file on this computer, got {}; save it here first"),
    N_("Expected one selected layer, got {}; select the one to work on"),
    N_("Expected a layer, got the mask or channel {}; select a layer"),
)


def translated(message: str) -> str:
    """Translates a message that was raised in English; a message without translation stays as it is."""
    subject, divider, expected = message.partition(": expected ")
    if divider:
        return _("{}: {}").format(translated(subject), translated(f"expected {expected}"))
    for template in _MESSAGES:
        found = re.fullmatch(re.escape(template).replace(r"\{\}", "(.*?)"), message, re.DOTALL)
        if found:
            return _(template).format(*found.groups())
    return message


def sentence(text: str) -> str:
    """Returns the text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"
