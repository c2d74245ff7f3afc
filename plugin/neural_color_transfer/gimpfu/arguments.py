"""The parameter types of gimpfu on GIMP 3: how each becomes an argument or return value of a procedure, and which value a script gets."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio, GLib, GObject  # noqa: E402  after the versions are chosen

PF_INT8, PF_INT16, PF_INT32, PF_FLOAT, PF_STRING, PF_COLOR, PF_DISPLAY = range(7)
PF_IMAGE, PF_ITEM, PF_LAYER, PF_CHANNEL, PF_DRAWABLE, PF_VECTORS = range(10, 16)
PF_TOGGLE, PF_SLIDER, PF_SPINNER, PF_FONT, PF_FILE, PF_BRUSH, PF_PATTERN, PF_GRADIENT, PF_RADIO, PF_TEXT = range(1000, 1010)
PF_PALETTE, PF_FILENAME, PF_DIRNAME, PF_OPTION = range(1010, 1014)
PF_INT, PF_VALUE, PF_COLOUR, PF_BOOL, PF_ADJUSTMENT = PF_INT32, PF_STRING, PF_COLOR, PF_TOGGLE, PF_SPINNER
PF_DRAWABLES, PF_PATHS = 2000, 2001  # extensions

_RANGES = {PF_INT8: (0, 2**8 - 1), PF_INT16: (-(2**15), 2**15 - 1), PF_INT32: (-(2**31), 2**31 - 1)}
_RESOURCES = {PF_FONT: "font", PF_BRUSH: "brush", PF_PATTERN: "pattern", PF_GRADIENT: "gradient", PF_PALETTE: "palette"}
_OBJECTS = {
    PF_DISPLAY: "display",
    PF_IMAGE: "image",
    PF_ITEM: "item",
    PF_LAYER: "layer",
    PF_CHANNEL: "channel",
    PF_DRAWABLE: "drawable",
    PF_VECTORS: "path",
}
_FILES = {PF_FILE: "OPEN", PF_FILENAME: "OPEN", PF_DIRNAME: "SELECT_FOLDER"}
_FLAGS = GObject.ParamFlags.READWRITE
# GIMP's introspection gives GIMP's own flags unshifted.
_UNCHECKED = GObject.ParamFlags(int(_FLAGS) | Gimp.PARAM_NO_VALIDATE << GObject.PARAM_USER_SHIFT)
_UNCHECKED_UNSAVED = GObject.ParamFlags(int(_UNCHECKED | GObject.ParamFlags.LAX_VALIDATION) | Gimp.PARAM_DONT_SERIALIZE << GObject.PARAM_USER_SHIFT)


class error(RuntimeError):  # noqa: N801  gimpfu's name
    """Ends the script with a message to the user.

    Attributes:
        template: the message; with arguments it has a {} for each of them.
        arguments: what varies in the message, so that a script can translate the rest.
    """

    def __init__(self, template: str, *arguments: object) -> None:
        super().__init__(template.format(*arguments) if arguments else template)
        self.template, self.arguments = template, arguments


@dataclass(frozen=True)
class Parameter:
    """A parameter of a script.

    Attributes:
        kind: one of the PF_ constants.
        name: name of the argument, with dashes.
        label: what the dialog shows, with a mnemonic.
        default: the default value; its type depends on ``kind``.
        extra: bounds of a slider or spinner, or the choices.
        hint: the tooltip; None means the label.
    """

    kind: int
    name: str
    label: str
    default: Any = None
    extra: Any = None
    hint: str | None = None

    @property
    def whole(self) -> bool:
        """Whether the argument is an integer: spinners with whole bounds. Sliders of gimpfu always gave floats."""
        return self.kind == PF_SPINNER and all(float(value).is_integer() for value in (self.default, *self.extra))

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """The (label, value) pairs of the radio buttons or options."""
        return list(self.extra) if self.kind == PF_RADIO else [(label, index) for index, label in enumerate(self.extra)]


def declare(procedure: Gimp.Procedure, parameter: Parameter, suffix: str) -> None:
    """Adds a parameter to the procedure; ``suffix`` is "argument" or "return_value"."""
    type_name, *details = _argument_type(parameter) if suffix == "argument" else _result_type(parameter)
    blurb = parameter.hint or parameter.label.replace("_", "")
    flags = _FLAGS
    if parameter.kind in _FILES:
        flags = _UNCHECKED  # GIMP rejects files that do not exist yet
    elif parameter.kind == PF_DRAWABLES:
        # Checked, an empty array would be rejected without a reason, and GObject would warn and keep the previous one. Saved, an array would
        # name other objects in the next session.
        flags = _UNCHECKED_UNSAVED
        if suffix == "argument":
            procedure.add_string_aux_argument(_last(parameter), "", "", "", _FLAGS)
    getattr(procedure, f"add_{type_name}_{suffix}")(parameter.name, parameter.label, blurb, *details, flags)


def remember(config: Gimp.ProcedureConfig, parameter: Parameter) -> None:
    """Remembers an array of drawables for later runs in this session of GIMP."""
    identifiers = (str(drawable.get_id()) for drawable in value_of(config, parameter))
    config.set_property(_last(parameter), " ".join([str(os.getppid()), *identifiers]))


def recall(config: Gimp.ProcedureConfig, parameter: Parameter) -> None:
    """Sets an array of drawables to the remembered ones that still exist."""
    session, *identifiers = config.get_property(_last(parameter)).split() or [""]
    if session == str(os.getppid()):
        config.set_core_object_array(parameter.name, [drawable for drawable in map(Gimp.Drawable.get_by_id, map(int, identifiers)) if drawable])


def _last(parameter: Parameter) -> str:
    return f"last-{parameter.name}"


def _argument_type(parameter: Parameter) -> tuple[Any, ...]:
    """Returns GIMP's name of the type, and the further arguments of its declaration."""
    kind, default = parameter.kind, parameter.default
    if kind in _RANGES:
        return "int", *_RANGES[kind], int(default or 0)
    if kind == PF_FLOAT:
        return "double", -GLib.MAXDOUBLE, GLib.MAXDOUBLE, float(default or 0)
    if kind in (PF_SLIDER, PF_SPINNER):
        number = int if parameter.whole else float
        return number.__name__.replace("float", "double"), number(parameter.extra[0]), number(parameter.extra[1]), number(default)
    if kind == PF_TOGGLE:
        return "boolean", bool(default)
    if kind == PF_PATHS:
        return ("string_array",)
    if kind in (PF_STRING, PF_TEXT):
        return "string", "" if default is None else str(default)
    if kind == PF_COLOR:
        return "color", True, _color(default)
    if kind in (PF_RADIO, PF_OPTION):
        choice = Gimp.Choice.new()
        for index, (label, value) in enumerate(parameter.choices):
            choice.add(str(value), index, label, "")
        return "choice", choice, str(default)
    if kind in _FILES:
        return "file", getattr(Gimp.FileChooserAction, _FILES[kind]), True, Gio.File.new_for_path(str(default)) if default else None
    if kind in _RESOURCES:
        return _RESOURCES[kind], True, None, True
    return _object_type(parameter)


def _result_type(parameter: Parameter) -> tuple[Any, ...]:
    kind = parameter.kind
    if kind in _RANGES or kind == PF_OPTION:
        return "int", *_RANGES.get(kind, _RANGES[PF_INT32]), 0
    if kind in (PF_FLOAT, PF_SLIDER, PF_SPINNER):
        return "double", -GLib.MAXDOUBLE, GLib.MAXDOUBLE, 0.0
    if kind == PF_TOGGLE:
        return "boolean", False
    if kind == PF_COLOR:
        return "color", True, _color(None)
    if kind in (PF_STRING, PF_TEXT, PF_RADIO) or kind in _FILES or kind in _RESOURCES:
        return "string", ""
    return _object_type(parameter)


def _object_type(parameter: Parameter) -> tuple[Any, ...]:
    if parameter.kind == PF_DRAWABLES:
        return "core_object_array", Gimp.Drawable.__gtype__
    if parameter.kind not in _OBJECTS:
        raise error(f"expected one of the PF_ types for {parameter.name!r}, got {parameter.kind!r}")
    return _OBJECTS[parameter.kind], True


def _color(value: Any) -> Gegl.Color:
    """Converts a default of gimpfu: a color name, or sRGB values (red, green, blue and optionally alpha) as integers 0..255 or fractions."""
    Gegl.init(None)
    color = Gegl.Color.new(value if isinstance(value, str) else "black")
    if isinstance(value, (tuple, list)):
        scale = 255.0 if all(isinstance(part, int) for part in value) else 1.0
        parts = [part / scale for part in (*value, scale)[:4]]
        color.set_bytes(Babl.format("R'G'B'A double"), GLib.Bytes.new(struct.pack("=4d", *parts)))  # set_rgba expects linear light
    return color


def value_of(config: Gimp.ProcedureConfig, parameter: Parameter) -> Any:
    """Returns the argument's value as gimpfu passed it to scripts."""
    if parameter.kind == PF_DRAWABLES:
        return list(config.get_core_object_array(parameter.name) or [])
    if parameter.kind == PF_PATHS:
        return list(config.get_property(parameter.name) or [])
    value = config.get_property(parameter.name)
    if parameter.kind in _FILES:
        return value.get_path() if value else None
    if parameter.kind in _RESOURCES:
        return value.get_name() if value else None
    if parameter.kind in (PF_RADIO, PF_OPTION):
        return next(chosen for _, chosen in parameter.choices if str(chosen) == value)
    return float(value) if parameter.kind == PF_SLIDER else value
