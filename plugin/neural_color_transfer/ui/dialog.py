"""The dialog: a preview, the references, the most useful parameters, and the others in a folded section."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gi
from gimpfu.dialog import labeled
from nct_shared.errors import InputError
from nct_shared.params import Parameter, describe
from pixels import references
from pixels.choices import TransferChoices
from pixels.names import image_name, picture_name
from worker.client import WorkerError, WorkerSettings
from worker.session import APPLIED, WorkerSession

from . import progress, scrolling, trouble
from .device_choice import DeviceChoice
from .labels import ADVANCED, DETAILS, DEVICE, OUTPUT, START_AGAIN, TAKE_FROM, TITLE
from .language import _, in_words, sentence
from .presets import Presets
from .preview_pane import PreviewPane
from .reference_list import ReferenceList, thumbnail
from .sliders import label_of

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk, Pango  # noqa: E402  after the versions are chosen

SPACING = 6
WIDTH, HEIGHT = 1040, 680  # px, initial size on a screen that is large enough
DECORATION = 48  # px of the screen height reserved for the frame of the window
PERCENT = 100.0
DIGITS = 3  # enough for the defaults; GIMP shows fewer for wide ranges
SETTLED_MS = 250  # without another change, before a preview is requested
MOST_ON_A_SLIDER = 10_000  # a larger range has too coarse steps per pixel
APPLIED_AT_ONCE = (*APPLIED, "output")  # settings that need no new transfer


class Dialog:
    """The dialog, for one call of the procedure."""

    def __init__(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source: Gimp.Layer, settings: Path) -> None:
        GimpUi.init("neural-color-transfer")
        self._config, self._source, self._settings = config, source, settings
        self._waiting = 0
        self._dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self._dialog.set_default_size(*_fit_on_screen(WIDTH, HEIGHT))
        self._references = ReferenceList(source, config.get_core_object_array("references") or [], config.get_property("reference-files") or [])
        self._preview = PreviewPane(source, settings)
        columns = Gtk.Box(spacing=2 * SPACING)
        columns.pack_start(self._preview, True, True, 0)
        columns.pack_start(self._controls(), False, False, 0)
        self._reason = Gtk.Label(xalign=0.0, wrap=True)
        self._details = Gtk.Button(label=DETAILS, use_underline=True, no_show_all=True, valign=Gtk.Align.CENTER)
        self._details.connect("clicked", lambda *_: self._show_details())
        self._again = Gtk.Button(label=START_AGAIN, use_underline=True, no_show_all=True, valign=Gtk.Align.CENTER)
        self._again.connect("clicked", lambda *_: self._preview.start())
        self._hint = Gtk.Box(spacing=SPACING)  # keeps its place while it is empty, so that nothing moves
        self._hint.pack_start(Gtk.Image.new_from_icon_name("dialog-information", Gtk.IconSize.BUTTON), False, False, 0)
        self._hint.pack_start(self._reason, True, True, 0)
        self._hint.pack_start(self._details, False, False, 0)
        self._hint.pack_start(self._again, False, False, 0)
        content = self._dialog.get_content_area()
        content.pack_start(columns, True, True, SPACING)
        content.pack_start(self._hint, False, False, SPACING)
        content.show_all()
        self._references.connect("changed", lambda *_: self._changed())
        self._preview.connect("usable", lambda *_: self._check())
        self._notified = config.connect(
            "notify", lambda _config, changed: self._changed(0 if changed.name.replace("-", "_") in APPLIED_AT_ONCE else SETTLED_MS)
        )
        self._dialog.connect("focus-in-event", lambda *_: self._layers_may_have_changed())

    def run(self) -> tuple[bool, WorkerSession | None]:
        """Shows the dialog until it is closed, and writes the chosen references into the config.

        Returns:
            Whether to run the transfer, and the session of the preview's worker, which the caller then closes.
        """
        self._changed()
        confirmed = False
        GLib.idle_add(lambda: self._references.mnemonic_activate(False) and None)
        try:
            while (confirmed := bool(self._dialog.run())) and self._problem():
                self._check()  # a chosen layer was deleted since the last check
            self._dialog.hide()
            Gdk.Display.get_default().flush()  # nothing below returns to GTK, which would tell the screen
            if not confirmed:
                return False, None
            self._config.set_core_object_array("references", self._references.drawables)
            self._config.set_property("reference-files", self._references.files)
            Gimp.progress_init(_("Starting"))  # from here on GIMP's progress bar shows the progress and can cancel
            return True, self._preview.hand_over(self._choices(), progress.show)
        finally:
            self._config.disconnect(self._notified)
            if self._waiting:
                GLib.source_remove(self._waiting)
            if not confirmed:
                self._preview.close()
            self._dialog.destroy()

    def _controls(self) -> Gtk.Widget:
        controls = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING, margin_end=SPACING)  # room for the scroll bar
        controls.pack_start(self._source_row(), False, False, 0)
        controls.pack_start(labeled(TAKE_FROM, self._references, vertical=True), True, True, 0)
        controls.pack_start(self._dialog.fill_box("limits", ["selected-only"]), False, False, 0)
        controls.pack_start(Presets(self._config), False, False, 0)
        controls.pack_start(self._sliders(basic=True), False, False, 0)
        output = GimpUi.prop_choice_combo_box_new(self._config, "output")
        scrolling.leave_wheel(output)
        controls.pack_start(labeled(OUTPUT, output), False, False, 0)
        # Not GIMP's own expander, which enlarges the window even beyond the screen.
        advanced = Gtk.Expander(label=ADVANCED, use_underline=True)
        self._device = DeviceChoice(self._config)
        scrolling.leave_wheel(self._device)
        folded = self._sliders(basic=False)
        folded.pack_start(labeled(DEVICE, self._device), False, False, 0)
        advanced.add(folded)
        controls.pack_start(advanced, False, False, 0)
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_width=True, propagate_natural_height=True)
        scrolled.add(controls)
        scrolled.set_hexpand(False)  # only the preview grows with the window
        scrolling.show_unfolded(advanced, controls, scrolled)
        return scrolled

    def _sliders(self, *, basic: bool) -> Gtk.Box:
        """Makes a column of sliders, of the basic or of the other parameters."""
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING // 3)
        for parameter in describe():
            if parameter.basic == basic:
                column.add(self._slider(parameter))
        return column

    def _slider(self, parameter: Parameter) -> Gtk.Widget:
        name = parameter.name.replace("_", "-")
        if parameter.high > MOST_ON_A_SLIDER:
            number = GimpUi.prop_spin_button_new(self._config, name, 1, 10, 0)
            scrolling.leave_wheel(number)
            return labeled(label_of(parameter), number)
        # Like get_spin_scale of GIMP's dialog, which however needs a mnemonic for each, and there are not enough letters.
        step, page, _digits = Gimp.range_estimate_settings(parameter.low, parameter.high)
        scale = GimpUi.prop_spin_scale_new(self._config, name, step, page, 0 if parameter.integer else DIGITS)
        if parameter.unit == "fraction":
            GimpUi.prop_widget_set_factor(scale, PERCENT, 1.0, 10.0, 0)
            scale.set_label(f"{self._config.find_property(name).nick} (%)")
        scrolling.leave_wheel(scale)
        scale.connect("query-tooltip", _no_tooltip_in_use)
        return scale

    def _source_row(self) -> Gtk.Widget:
        name = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.MIDDLE)
        layer, image = self._source.get_name(), image_name(self._source.get_image())
        in_image = "" if picture_name(layer) in image else f" ({image})"  # names such as "Background" are not enough
        name.set_markup(_("Layer to recolor: {}").format(f"<b>{GLib.markup_escape_text(layer)}</b>{GLib.markup_escape_text(in_image)}"))
        row = Gtk.Box(spacing=SPACING)
        self._thumbnail = Gtk.Image.new_from_pixbuf(thumbnail(self._source))
        row.pack_start(self._thumbnail, False, False, 0)
        row.pack_start(name, True, True, 0)
        return row

    def _changed(self, delay: int = SETTLED_MS) -> None:
        self._check()
        if self._waiting:
            GLib.source_remove(self._waiting)
        self._waiting = GLib.timeout_add(delay, self._settled)

    def _settled(self) -> bool:
        self._waiting = 0
        self._preview.show_transfer(self._choices())
        return bool(GLib.SOURCE_REMOVE)

    def _choices(self) -> TransferChoices:
        """Returns what the dialog is set to, without references if they cannot be used."""
        params = {parameter.name: self._config.get_property(parameter.name.replace("_", "-")) for parameter in describe()}
        gathered, problem = self._gathered()
        selected_only, output, device = (self._config.get_property(name) for name in ("selected-only", "output", "device"))
        return TransferChoices([] if problem else gathered, selected_only, output, device or "auto", params)

    def _gathered(self) -> tuple[list[references.ChosenReference], str]:
        """Returns the ticked references, and why they cannot be used; "" if they can."""
        if not self._references.drawables and not self._references.files and self._source.is_valid():
            return [], _("Tick at least one reference to take colors from.")
        try:
            gathered = references.gather(self._references.drawables, self._references.files)
            references.check(self._source, gathered)
        except InputError as error:
            return [], f"{sentence(in_words(error.text))}."
        return gathered, ""

    def _layers_may_have_changed(self) -> None:
        """Reads the layers again when the user returns to the dialog."""
        self._preview.read_again()
        self._thumbnail.set_from_pixbuf(thumbnail(self._source))
        self._references.refresh()
        self._changed()

    def _problem(self) -> str:
        """Returns why no transfer can run; "" if one can."""
        lost = self._preview.unusable
        return f"{sentence(in_words(lost.text))}." if lost else self._gathered()[1] or self._preview.refusal

    def _check(self) -> None:
        """Enables OK, or disables it and shows why; if there is no reason, shows what is to be known about the result."""
        lost, reason = self._preview.unusable, self._problem()
        said = reason or self._preview.note
        self._reason.set_text(said)
        self._details.set_visible(lost is not None)
        self._again.set_visible(lost is not None)
        self._hint.set_opacity(1.0 if said else 0.0)
        self._device.offer(self._preview.devices)
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, not reason)

    def _show_details(self) -> None:
        """Opens a window with the details of what prevents a transfer."""
        lost, log = self._preview.unusable, ""
        with contextlib.suppress(WorkerError):  # the settings themselves may be damaged
            log = WorkerSettings.read(self._settings).log
        if lost is not None:
            trouble.show(TITLE, in_words(lost.text), lost.detail, log, self._dialog)


def _no_tooltip_in_use(widget: Gtk.Widget, _x: int, _y: int, by_keyboard: bool, _tooltip: Gtk.Tooltip) -> bool:
    """Hides the tooltip of a slider that is in use, which it would cover."""
    if widget.has_focus() and not by_keyboard:
        widget.stop_emission_by_name("query-tooltip")
    return False


def _fit_on_screen(width: int, height: int) -> tuple[int, int]:
    """Returns this size, reduced to what fits on the smallest screen."""
    display = Gdk.Display.get_default()
    areas = [display.get_monitor(number).get_workarea() for number in range(display.get_n_monitors())]
    return min([width, *(area.width for area in areas)]), min([height, *(area.height - DECORATION for area in areas)])


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source: Any, settings: Path) -> tuple[bool, WorkerSession | None]:
    """Shows the dialog; see :meth:`Dialog.run`."""
    return Dialog(procedure, config, source, settings).run()
