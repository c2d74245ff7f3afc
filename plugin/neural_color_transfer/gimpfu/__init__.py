"""The vocabulary of classic Python-Fu (``gimpfu`` of GIMP 2.10) on GIMP 3.

A script registers a function and calls ``main()``, as it always did::

    from gimpfu import *

    def tint(image, drawable, amount): ...

    register("tint", "Tints a layer", "Longer help", "Author", "Copyright", "2026", "_Tint...", "RGB*",
             [(PF_IMAGE, "image", "Input image", None), (PF_DRAWABLE, "drawable", "Input layer", None),
              (PF_SLIDER, "amount", "_Amount", 50, (0, 100, 1))],
             [], tint, menu="<Image>/Filters")
    main()

A parameter is ``(PF_X, name, description, default[, extra])``, a result ``(PF_X, name, description)``. If the first parameter is an image, and
perhaps the second a drawable or layer, the procedure works on the image that it is called from and on its one selected layer. An interactive
run asks for the other parameters; GIMP remembers the last values of procedures that work on an image.
The function gets its values as in gimpfu: brushes, fonts, gradients, palettes and patterns by name (at first the current ones, whatever the
default is), files and folders as paths, the value of the chosen radio button, the index of the chosen option. Colors are ``Gegl.Color``, objects
are those of ``gi.repository.Gimp``. The modules ``pdb`` and ``gimp`` are not imitated.

Extensions that gimpfu did not have:

- ``PF_DRAWABLES``, a list of drawables, remembered within a session of GIMP, and ``PF_PATHS``, a list of files;
- a sixth element of a parameter: its tooltip;
- ``register(..., dialog=function)``: shows a dialog of the script instead of the standard one; called as ``dialog(procedure, config, image,
  drawable)``, it returns whether to run the script;
- ``register(..., after=function)``: called after an interactive run with the image, the drawable and the results;
- ``register(..., failed=function)``: called with the exception that ended an interactive run; it reports the error instead of GIMP.

The package needs the standard library and gi only, and nothing else of this project.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import gi

from .arguments import (
    PF_ADJUSTMENT,
    PF_BOOL,
    PF_BRUSH,
    PF_CHANNEL,
    PF_COLOR,
    PF_COLOUR,
    PF_DIRNAME,
    PF_DISPLAY,
    PF_DRAWABLE,
    PF_DRAWABLES,
    PF_FILE,
    PF_FILENAME,
    PF_FLOAT,
    PF_FONT,
    PF_GRADIENT,
    PF_IMAGE,
    PF_INT,
    PF_INT8,
    PF_INT16,
    PF_INT32,
    PF_ITEM,
    PF_LAYER,
    PF_OPTION,
    PF_PALETTE,
    PF_PATHS,
    PF_PATTERN,
    PF_RADIO,
    PF_SLIDER,
    PF_SPINNER,
    PF_STRING,
    PF_TEXT,
    PF_TOGGLE,
    PF_VALUE,
    PF_VECTORS,
    Parameter,
    error,
)
from .plugin import CancelError, PlugIn, Script, scripts

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

__all__ = [
    "PF_ADJUSTMENT",
    "PF_BOOL",
    "PF_BRUSH",
    "PF_CHANNEL",
    "PF_COLOR",
    "PF_COLOUR",
    "PF_DIRNAME",
    "PF_DISPLAY",
    "PF_DRAWABLE",
    "PF_DRAWABLES",
    "PF_FILE",
    "PF_FILENAME",
    "PF_FLOAT",
    "PF_FONT",
    "PF_GRADIENT",
    "PF_IMAGE",
    "PF_INT",
    "PF_INT8",
    "PF_INT16",
    "PF_INT32",
    "PF_ITEM",
    "PF_LAYER",
    "PF_OPTION",
    "PF_PALETTE",
    "PF_PATHS",
    "PF_PATTERN",
    "PF_RADIO",
    "PF_SLIDER",
    "PF_SPINNER",
    "PF_STRING",
    "PF_TEXT",
    "PF_TOGGLE",
    "PF_VALUE",
    "PF_VECTORS",
    "CancelError",
    "error",
    "fail",
    "main",
    "register",
]

_PREFIXES = ("python-", "extension-", "plug-in-", "file-")


def fail(message: str) -> NoReturn:
    """Ends the script with a message to the user.

    Raises:
        error: always.
    """
    raise error(message)


def register(
    proc_name: str,
    blurb: str,
    help: str,
    author: str,
    copyright: str,
    date: str,
    label: str,
    imagetypes: str,
    params: Sequence[tuple[Any, ...]],
    results: Sequence[tuple[Any, ...]],
    function: Callable[..., Any],
    menu: str | None = None,
    domain: Any = None,
    on_query: Callable[[], Any] | None = None,
    on_run: Callable[[], Any] | None = None,
    *,
    dialog: Callable[..., bool] | None = None,
    after: Callable[..., None] | None = None,
    failed: Callable[[Exception], None] | None = None,
) -> None:
    """Registers a procedure; see the package's docstring. ``dialog``, ``after`` and ``failed`` are extensions.

    Without ``menu``, as in the oldest scripts, the label is the whole menu path, and an image and a drawable precede the parameters.

    Raises:
        error: a name or a parameter is invalid.
    """
    name = _canonical(proc_name)
    if not name.startswith(_PREFIXES):
        name = f"python-fu-{name}"
    parameters = [_parameter(entry) for entry in params]
    if menu is None and "/" in (label or ""):
        menu, _, label = label.rpartition("/")
        if menu.startswith("<Image>"):
            parameters[:0] = [Parameter(PF_IMAGE, "image", "Input image"), Parameter(PF_DRAWABLE, "drawable", "Input drawable")]
    if menu and menu.startswith(("<Load>", "<Save>")):
        raise error(f"{name}: file formats are registered in another way in GIMP 3; use Gimp.LoadProcedure or Gimp.ExportProcedure")
    returned = [_parameter((*entry[:3], None)) for entry in results]
    scripts[name] = Script(
        blurb, help, author, copyright, str(date), label, imagetypes, parameters, returned, function, menu, domain, on_query, on_run, dialog, after, failed
    )


def main() -> None:
    """Hands control to GIMP; must be called last."""
    Gimp.main(PlugIn.__gtype__, sys.argv)


def _canonical(name: str) -> str:
    canonical = name.replace("_", "-").lower()
    if not re.fullmatch(r"[a-z][a-z0-9-]*", canonical):
        raise error(f"expected a name of letters, digits, '-' and '_', got {name!r}")
    return canonical


def _parameter(entry: Sequence[Any]) -> Parameter:
    if len(entry) < 4 or not isinstance(entry[0], int):
        raise error(f"expected (PF_X, name, description, default), got {entry!r}")
    return Parameter(entry[0], _canonical(entry[1]), *entry[2:])
