"""The GIMP procedures of the registered scripts, and how one of them runs."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gi

from .arguments import PF_DRAWABLE, PF_DRAWABLES, PF_IMAGE, PF_LAYER, Parameter, declare, error, recall, remember, value_of

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402  after the version is chosen


class CancelError(RuntimeError):
    """Ends the script because the user canceled it."""


@dataclass(frozen=True)
class Script:
    """The arguments of ``register``; the names are those of gimpfu."""

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
    after: Callable[..., None] | None
    failed: Callable[[Exception], None] | None

    @property
    def given(self) -> int:
        """How many of the first parameters GIMP provides: none, the image, or the image and the selected layer."""
        kinds = [parameter.kind for parameter in self.parameters[:2]]
        if kinds[:1] != [PF_IMAGE]:
            return 0
        return 2 if kinds[1:] and kinds[1] in (PF_DRAWABLE, PF_LAYER) else 1


scripts: dict[str, Script] = {}


class PlugIn(Gimp.PlugIn):  # type: ignore[misc]
    def do_set_i18n(self, name: str) -> Any:
        domain = scripts[name].domain
        if not domain:
            return False
        domain, folder = (domain, None) if isinstance(domain, str) else domain
        return True, domain, folder

    def do_query_procedures(self) -> list[str]:
        for script in scripts.values():
            if script.on_query:
                script.on_query()
        return list(scripts)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        script = scripts[name]
        kind = Gimp.PDBProcType.PLUGIN
        if script.given:
            procedure = Gimp.ImageProcedure.new(self, name, kind, _run_on_image, None)
            procedure.set_image_types(script.imagetypes)
            one_or_more = Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES  # a run with more says what it expected
            procedure.set_sensitivity_mask(one_or_more if script.given == 2 else Gimp.ProcedureSensitivityMask.ALWAYS)
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
        script = scripts[procedure.get_name()]
        if script.given == 1:
            return [image]
        if len(drawables) != 1:
            raise error("Expected one selected layer, got {}; select the one to work on", len(drawables))
        if script.parameters[1].kind == PF_LAYER and not drawables[0].is_layer():
            raise error("Expected a layer, got the mask or channel '{}'; select a layer", drawables[0].get_name())
        return [image, drawables[0]]

    return _run(procedure, run_mode, given, config)


def _run_alone(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, data: Any) -> Gimp.ValueArray:
    return _run(procedure, config.get_property("run-mode"), list, config)


def _run(procedure: Gimp.Procedure, run_mode: Gimp.RunMode, given: Callable[[], list[Any]], config: Gimp.ProcedureConfig) -> Gimp.ValueArray:
    script = scripts[procedure.get_name()]
    try:
        first = given()
        if script.on_run:
            script.on_run()
        asked = script.parameters[script.given :]
        arrays = [parameter for parameter in asked if parameter.kind == PF_DRAWABLES]
        if run_mode != Gimp.RunMode.NONINTERACTIVE:
            for parameter in arrays:
                recall(config, parameter)
        if run_mode == Gimp.RunMode.INTERACTIVE and asked and not _confirmed(script, procedure, config, first):
            raise CancelError
        for parameter in arrays:
            remember(config, parameter)
        result = script.function(*first, *(value_of(config, parameter) for parameter in asked))
    except CancelError:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
    except Exception as problem:
        if not isinstance(problem, error):
            traceback.print_exc()
        if script.failed and run_mode != Gimp.RunMode.NONINTERACTIVE and _has_screen():
            script.failed(problem)
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)  # with an error status GIMP would report it again
        message = str(problem) or type(problem).__name__
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error.new_literal(Gimp.PlugIn.error_quark(), message, 0))
    results = () if not script.results else (result,) if len(script.results) == 1 else tuple(result)
    if run_mode != Gimp.RunMode.NONINTERACTIVE:
        if script.after:
            script.after(*first, *results)
        Gimp.displays_flush()
    return _returned(procedure, results)


def _has_screen() -> bool:
    """Returns whether there is a screen to show errors on; a batch run with the last values has none."""
    gi.require_version("Gdk", "3.0")
    from gi.repository import Gdk  # not needed by a successful run

    return bool(Gdk.init_check([])[0])


def _confirmed(script: Script, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, given: list[Any]) -> bool:
    if script.dialog:
        return script.dialog(procedure, config, *given)
    from . import dialog  # loads GTK, which a run without a dialog does not need

    return dialog.ask(procedure, config, script.label.replace("_", ""), script.parameters[script.given :])


def _returned(procedure: Gimp.Procedure, results: tuple[Any, ...]) -> Gimp.ValueArray:
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    for index, (spec, value) in enumerate(zip(procedure.get_return_values(), results), start=1):
        values.remove(index)
        values.insert(index, GObject.Value(spec.value_type, value))
    return values
