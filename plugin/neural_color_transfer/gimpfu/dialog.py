"""GIMP's procedure dialog for the parameters of a script, with the widgets that gimpfu had."""

from __future__ import annotations

from collections.abc import Sequence

import gi

from .arguments import PF_DRAWABLES, PF_IMAGE, PF_ITEM, PF_SLIDER, PF_TEXT, PF_VECTORS, Parameter

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gtk  # noqa: E402  after the versions are chosen

# Objects for which the dialog of GIMP 3.0 has no widget: the widget, and the class of the object.
_CHOOSERS = {
    PF_IMAGE: (GimpUi.ImageComboBox, Gimp.Image),
    PF_ITEM: (GimpUi.DrawableComboBox, Gimp.Item),
    PF_VECTORS: (GimpUi.PathComboBox, Gimp.Path),
}
_SPACING = 6


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, title: str, parameters: Sequence[Parameter]) -> bool:
    """Shows the dialog and writes the chosen values into ``config``; returns whether to run the script."""
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    for parameter in parameters:
        if parameter.kind == PF_SLIDER:
            dialog.get_scale_entry(parameter.name, 1.0)
        elif parameter.kind == PF_TEXT:
            dialog.get_widget(parameter.name, Gtk.TextView)
    own = {parameter.name: (parameter, _CHOOSERS[parameter.kind][0].new(None)) for parameter in parameters if parameter.kind in _CHOOSERS}
    shown = [parameter.name for parameter in parameters if parameter.kind != PF_DRAWABLES and parameter.name not in own]
    if shown:
        dialog.fill(shown)
    for parameter, chooser in own.values():
        dialog.get_content_area().pack_start(labeled(parameter.label, chooser), False, False, _SPACING)
    try:
        confirmed = bool(dialog.run())
        for name, (parameter, chooser) in own.items():
            exists, chosen = chooser.get_active()
            config.set_property(name, _CHOOSERS[parameter.kind][1].get_by_id(chosen) if exists else None)
        return confirmed
    finally:
        dialog.destroy()


def labeled(label: str, widget: Gtk.Widget, *, vertical: bool = False) -> Gtk.Box:
    """Makes a row, or a column, of a label with a mnemonic and its widget."""
    row = Gtk.Box(orientation=Gtk.Orientation.VERTICAL if vertical else Gtk.Orientation.HORIZONTAL, spacing=_SPACING)
    caption = Gtk.Label(label=label, use_underline=True, xalign=0.0)
    caption.set_mnemonic_widget(widget)
    row.pack_start(caption, False, False, 0)
    row.pack_start(widget, True, True, 0)
    row.show_all()
    return row
