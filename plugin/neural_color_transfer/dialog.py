"""The dialog: the reference layer, the few parameters that matter, and the others folded away."""

from __future__ import annotations

import gi
from gimpfu_dialog import labelled
from nct_shared.params import describe

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gtk  # noqa: E402  after the versions are chosen

TITLE = "Neural Color Transfer"
SPACING = 6
WIDTH = 480
DIGITS = 3  # as the defaults need; GIMP would show fewer where the range is wide


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, source: Gimp.Drawable) -> bool:
    """Shows the dialog and writes what was chosen into ``config``.

    Returns:
        Whether to go on.
    """
    GimpUi.init("neural-color-transfer")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    dialog.set_default_size(WIDTH, -1)
    chooser = GimpUi.LayerComboBox.new(lambda _image, layer, *_: layer.get_id() != source.get_id() and not layer.is_indexed())
    there_is_one = len(chooser.get_model()) > 0
    if there_is_one:
        _choose_last(chooser, config)
    _fill(dialog)
    row = labelled("_Take colours from:", chooser if there_is_one else _note("There is no other layer yet: open a second picture or add a layer."))
    content = dialog.get_content_area()
    content.pack_start(row, False, False, SPACING)
    content.reorder_child(row, 0)
    dialog.set_response_sensitive(Gtk.ResponseType.OK, there_is_one)
    try:
        if not dialog.run():
            return False
        _, chosen = chooser.get_active()
        config.set_core_object_array("references", [Gimp.Layer.get_by_id(chosen)])
        return True
    finally:
        dialog.destroy()


def _choose_last(chooser: GimpUi.LayerComboBox, config: Gimp.ProcedureConfig) -> None:
    for layer in config.get_core_object_array("references") or []:
        if layer.is_valid():
            chooser.set_active(layer.get_id())


def _fill(dialog: GimpUi.ProcedureDialog) -> None:
    names = {basic: [p.name.replace("_", "-") for p in describe() if p.basic == basic] for basic in (True, False)}
    for parameter in describe():
        scale = dialog.get_spin_scale(parameter.name.replace("_", "-"), 1.0)
        scale.set_digits(0 if parameter.integer else DIGITS)
    dialog.get_label("advanced-title", "Advanced", False, False)
    dialog.fill_box("advanced-box", names[False])
    dialog.fill_expander("advanced", "advanced-title", False, "advanced-box")
    dialog.fill([*names[True], "advanced"])


def _note(text: str) -> Gtk.Label:
    return Gtk.Label(label=text, xalign=0.0, wrap=True)
