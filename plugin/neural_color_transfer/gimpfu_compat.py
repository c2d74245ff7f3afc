"""The vocabulary of classic Python-Fu (``gimpfu`` of GIMP 2.10) on GIMP 3.

A script registers a function and calls ``main()``, as it always did::

    from gimpfu_compat import *

    def tint(image, drawable, amount): ...

    register("tint", "Tints a layer", "Longer help", "Author", "Copyright", "2026", "_Tint...", "RGB*",
             [(PF_IMAGE, "image", "Input image", None), (PF_DRAWABLE, "drawable", "Input layer", None),
              (PF_SLIDER, "amount", "_Amount", 50, (0, 100, 1))],
             [], tint, menu="<Image>/Filters")
    main()

A parameter is ``(PF_X, name, description, default[, extra])``, a result ``(PF_X, name, description)``. With the image first, and maybe a
drawable or layer second, the procedure works on the image it is called from and on its one selected layer. An interactive run asks for
the other parameters; GIMP keeps the last values of procedures that work on an image.
Values arrive as in gimpfu: brushes, fonts and the like by name, files and folders as paths, the value of the chosen radio button, the index
of the chosen option. Colours are ``Gegl.Color``, objects are those of ``gi.repository.Gimp``; ``pdb`` and ``gimp`` are not imitated.

Extensions, which gimpfu had not: ``PF_DRAWABLES`` (a list of drawables, remembered within a session), a sixth element of a parameter (its tooltip), and
``register(..., dialog=function)``: a dialog of one's own, ``dialog(procedure, config, image, drawable)``, that returns whether to go on.
Standard library and gi only.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gi
from gimpfu_arguments import (
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
    declare,
    error,
    recall,
    remember,
    value_of,
)

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402  after the version is chosen

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


class CancelError(RuntimeError):
    """Ends the script because the user wished it."""


def fail(message: str) -> None:
    """Ends the script with a message to the user."""
    raise error(message)


@dataclass(frozen=True)
class _Script:
    blurb: str
    help: str
    author: str
    copyright: str
    date: str
    label: str
    imagetypes: str
    parameters: list[Parameter]
    results: list[Parameter]
    function: Callable[..., Any]
    menu: str | None
    domain: Any
    on_query: Callable[[], Any] | None
    on_run: Callable[[], Any] | None
    dialog: Callable[..., bool] | None

    @property
    def given(self) -> int:
        """How many of the first parameters GIMP gives to the procedure: the image, and the selected layer."""
        kinds = [parameter.kind for parameter in self.parameters[:2]]
        if kinds[:1] != [PF_IMAGE]:
            return 0
        return 2 if kinds[1:] and kinds[1] in (PF_DRAWABLE, PF_LAYER) else 1


_scripts: dict[str, _Script] = {}


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
) -> None:
    """Announces a procedure; see the module's text. ``dialog`` is an extension.

    Without ``menu`` the label is the whole menu path, and image and drawable come before the parameters, as in gimpfu's oldest style.

    Raises:
        error: a name or a parameter is not valid.
    """
    name = _canonical(proc_name)
    if not name.startswith(_PREFIXES):
        name = f"python-fu-{name}"
    parameters = [_parameter(entry, 4) for entry in params]
    if menu is None and "/" in (label or ""):
        menu, _, label = label.rpartition("/")
        if menu.startswith("<Image>"):
            parameters[:0] = [Parameter(PF_IMAGE, "image", "Input image"), Parameter(PF_DRAWABLE, "drawable", "Input drawable")]
    if menu and menu.startswith(("<Load>", "<Save>")):
        raise error(f"{name}: file formats are registered in another way in GIMP 3; use Gimp.LoadProcedure or Gimp.ExportProcedure")
    returned = [_parameter((*entry[:3], None), 4) for entry in results]
    _scripts[name] = _Script(
        blurb, help, author, copyright, str(date), label, imagetypes, parameters, returned, function, menu, domain, on_query, on_run, dialog
    )


def main() -> None:
    """Hands over to GIMP; call it last."""
    Gimp.main(_PlugIn.__gtype__, sys.argv)


def _canonical(name: str) -> str:
    canonical = name.replace("_", "-").lower()
    if not re.fullmatch(r"[a-z][a-z0-9-]*", canonical):
        raise error(f"expected a name of letters, digits, '-' and '_', got {name!r}")
    return canonical


def _parameter(entry: Sequence[Any], least: int) -> Parameter:
    if len(entry) < least or not isinstance(entry[0], int):
        raise error(f"expected (PF_X, name, description, default), got {entry!r}")
    return Parameter(entry[0], _canonical(entry[1]), *entry[2:])


class _PlugIn(Gimp.PlugIn):  # type: ignore[misc]
    def do_set_i18n(self, name: str) -> Any:
        domain = _scripts[name].domain
        if not domain:
            return False
        domain, folder = (domain, None) if isinstance(domain, str) else domain
        return True, domain, folder

    def do_query_procedures(self) -> list[str]:
        for script in _scripts.values():
            if script.on_query:
                script.on_query()
        return list(_scripts)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        script = _scripts[name]
        kind = Gimp.PDBProcType.PLUGIN
        if script.given:
            procedure = Gimp.ImageProcedure.new(self, name, kind, _run_on_image, None)
            procedure.set_image_types(script.imagetypes)
            procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE if script.given == 2 else Gimp.ProcedureSensitivityMask.ALWAYS)
        else:
            procedure = Gimp.Procedure.new(self, name, kind, _run_alone, None)
            procedure.add_enum_argument(
                "run-mode", "Run mode", "The run mode", Gimp.RunMode.__gtype__, Gimp.RunMode.NONINTERACTIVE, GObject.ParamFlags.READWRITE
            )
        procedure.set_documentation(script.blurb, script.help, None)
        procedure.set_attribution(script.author, script.copyright, script.date)
        if script.menu:
            procedure.set_menu_label(script.label)
            procedure.add_menu_path(script.menu)
        for parameter in script.parameters[script.given :]:
            declare(procedure, parameter, "argument")
        for result in script.results:
            declare(procedure, result, "return_value")
        return procedure


def _run_on_image(
    procedure: Gimp.ImageProcedure, run_mode: Gimp.RunMode, image: Gimp.Image, drawables: list[Gimp.Drawable], config: Gimp.ProcedureConfig, data: Any
) -> Gimp.ValueArray:
    def given() -> list[Any]:
        script = _scripts[procedure.get_name()]
        if script.given == 1:
            return [image]
        if len(drawables) != 1:
            raise error(f"expected one selected layer, got {len(drawables)}; select the one to work on")
        if script.parameters[1].kind == PF_LAYER and not drawables[0].is_layer():
            raise error(f"expected a layer, got the mask or channel {drawables[0].get_name()!r}; select a layer")
        return [image, drawables[0]]

    return _run(procedure, run_mode, given, config)


def _run_alone(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, data: Any) -> Gimp.ValueArray:
    return _run(procedure, config.get_property("run-mode"), list, config)


def _run(procedure: Gimp.Procedure, run_mode: Gimp.RunMode, given: Callable[[], list[Any]], config: Gimp.ProcedureConfig) -> Gimp.ValueArray:
    script = _scripts[procedure.get_name()]
    try:
        first = given()
        if script.on_run:
            script.on_run()
        asked = script.parameters[script.given :]
        arrays = [parameter for parameter in asked if parameter.kind == PF_DRAWABLES]
        if run_mode != Gimp.RunMode.NONINTERACTIVE:
            for parameter in arrays:
                recall(config, parameter)
        if run_mode == Gimp.RunMode.INTERACTIVE and asked and not (script.dialog or _ask)(procedure, config, *first):
            raise CancelError
        for parameter in arrays:
            remember(config, parameter)
        result = script.function(*first, *(value_of(config, parameter) for parameter in asked))
    except CancelError:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
    except Exception as problem:
        if not isinstance(problem, error):
            traceback.print_exc()
        message = str(problem) or type(problem).__name__
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error.new_literal(Gimp.PlugIn.error_quark(), message, 0))
    if run_mode != Gimp.RunMode.NONINTERACTIVE:
        Gimp.displays_flush()
    return _returned(procedure, script.results, result)


def _returned(procedure: Gimp.Procedure, results: list[Parameter], result: Any) -> Gimp.ValueArray:
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    given = () if not results else (result,) if len(results) == 1 else result
    for index, (spec, value) in enumerate(zip(procedure.get_return_values(), given), start=1):
        values.remove(index)
        values.insert(index, GObject.Value(spec.value_type, value))
    return values


def _ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, *given: Any) -> bool:
    """GIMP's own dialog over all parameters, with the widgets that gimpfu had."""
    gi.require_version("GimpUi", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import GimpUi, Gtk

    script = _scripts[procedure.get_name()]
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, script.label.replace("_", ""))
    for parameter in script.parameters[script.given :]:
        if parameter.kind == PF_SLIDER:
            dialog.get_scale_entry(parameter.name, 1.0)
        elif parameter.kind == PF_TEXT:
            dialog.get_widget(parameter.name, Gtk.TextView)
        elif parameter.kind == PF_RADIO:
            dialog.get_widget(parameter.name, GimpUi.StringComboBox)
    dialog.fill(None)
    try:
        return bool(dialog.run())
    finally:
        dialog.destroy()
