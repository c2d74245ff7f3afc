"""The dialog: what gives the colors, the few parameters that matter, the others folded away, and a preview."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gi
import progress
import references
import scrolling
import trouble
from choices import ADVANCED, DETAILS, OUTPUT, PRESETS, TAKE_FROM, TITLE
from gimpfu_dialog import labeled
from language import _, sentence, translated
from nct_shared.params import describe
from plans import APPLIED, Prepared
from preview_pane import PreviewPane
from preview_pictures import Wanted
from reference_list import ReferenceList, thumbnail
from sliders import label_of
from worker_client import Settings, WorkerError

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk, Pango  # noqa: E402  after the versions are chosen

SPACING = 6
WIDTH, HEIGHT = 1040, 680  # at first, where the screen is large enough
DECORATION = 48  # px that a window's frame may take of a screen
DIGITS = 3  # as the defaults need; GIMP would show fewer where the range is wide
SETTLED_MS = 250  # without another change, before a transfer starts
MOST_ON_A_SLIDER = 10_000  # where a pixel would be too coarse a step
QUICK = (*APPLIED, "output")  # need no transfer


class Dialog:
    """One showing of the dialog."""

    def __init__(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source: Gimp.Layer, settings: Path) -> None:
        GimpUi.init("neural-color-transfer")
        self._config, self._source, self._settings = config, source, settings
        self._waiting = 0
        self._dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self._dialog.set_default_size(*_fitting(WIDTH, HEIGHT))
        self._references = ReferenceList(source, config.get_core_object_array("references") or [], config.get_property("reference-files") or [])
        self._preview = PreviewPane(source, settings)
        columns = Gtk.Box(spacing=2 * SPACING)
        columns.pack_start(self._preview, True, True, 0)
        columns.pack_start(self._controls(), False, False, 0)
        self._reason = Gtk.Label(xalign=0.0, wrap=True)
        self._details = Gtk.Button(label=DETAILS, use_underline=True, no_show_all=True, valign=Gtk.Align.CENTER)
        self._details.connect("clicked", lambda *_: self._tell())
        self._hint = Gtk.Box(spacing=SPACING)  # keeps its room where there is nothing to say, so that nothing moves
        self._hint.pack_start(Gtk.Image.new_from_icon_name("dialog-information", Gtk.IconSize.BUTTON), False, False, 0)
        self._hint.pack_start(self._reason, True, True, 0)
        self._hint.pack_start(self._details, False, False, 0)
        content = self._dialog.get_content_area()
        content.pack_start(columns, True, True, SPACING)
        content.pack_start(self._hint, False, False, SPACING)
        content.show_all()
        self._references.connect("changed", lambda *_: self._changed())
        self._preview.connect("usable", lambda *_: self._check())
        self._notified = config.connect("notify", lambda _config, changed: self._changed(0 if changed.name.replace("-", "_") in QUICK else SETTLED_MS))
        self._dialog.connect("focus-in-event", lambda *_: self._look_again())

    def run(self) -> tuple[bool, Prepared | None]:
        """Shows it until it is answered, and writes the references into the config.

        Returns:
            Whether to go on, and the preview's worker with what it has, which is the caller's then.
        """
        self._changed()
        confirmed = False
        GLib.idle_add(lambda: self._references.mnemonic_activate(False) and None)
        try:
            while (confirmed := bool(self._dialog.run())) and self._problem():
                self._check()  # what was chosen has gone since it was last looked at
            self._dialog.hide()
            if not confirmed:
                return False, None
            self._config.set_core_object_array("references", self._references.drawables)
            self._config.set_property("reference-files", self._references.files)
            Gimp.progress_init(_("Starting"))  # from here on it is GIMP's progress bar that can cancel
            return True, self._preview.hand_over(self._wanted(), progress.tell)
        finally:
            self._config.disconnect(self._notified)
            if self._waiting:
                GLib.source_remove(self._waiting)
            if not confirmed:
                self._preview.close()
            self._dialog.destroy()

    def _controls(self) -> Gtk.Widget:
        controls = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING, margin_end=SPACING)  # the scroll bar's room
        controls.pack_start(self._source_row(), False, False, 0)
        controls.pack_start(labeled(TAKE_FROM, self._references, vertical=True), True, True, 0)
        controls.pack_start(self._dialog.fill_box("limits", ["selected-only"]), False, False, 0)
        controls.pack_start(self._presets(), False, False, 0)
        controls.pack_start(self._sliders(basic=True), False, False, 0)
        output = GimpUi.prop_choice_combo_box_new(self._config, "output")
        scrolling.leave_wheel(output)
        controls.pack_start(labeled(OUTPUT, output), False, False, 0)
        # Not GIMP's own expander: that one enlarges the window, beyond the screen if need be.
        advanced = Gtk.Expander(label=ADVANCED, use_underline=True)
        advanced.add(self._sliders(basic=False))
        controls.pack_start(advanced, False, False, 0)
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_width=True, propagate_natural_height=True)
        scrolled.add(controls)
        scrolled.set_hexpand(False)  # what a larger window has more is the preview's
        scrolling.show_unfolded(advanced, controls, scrolled)
        return scrolled

    def _sliders(self, *, basic: bool) -> Gtk.Widget:
        """A column of sliders."""
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING // 3)
        for parameter in describe():
            if parameter.basic == basic:
                if parameter.high > MOST_ON_A_SLIDER:
                    number = GimpUi.prop_spin_button_new(self._config, parameter.name.replace("_", "-"), 1, 10, 0)
                    scrolling.leave_wheel(number)
                    column.add(labeled(label_of(parameter), number))
                    continue
                # As the dialog's own get_spin_scale makes them, but that one wants a mnemonic for each, and there are more of them than letters.
                step, page, _digits = Gimp.range_estimate_settings(parameter.low, parameter.high)
                scale = GimpUi.prop_spin_scale_new(self._config, parameter.name.replace("_", "-"), step, page, 0 if parameter.integer else DIGITS)
                scrolling.leave_wheel(scale)
                scale.connect("query-tooltip", _only_before_use)
                column.add(scale)
        return column

    def _source_row(self) -> Gtk.Widget:
        name = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.MIDDLE)
        layer, image = (GLib.markup_escape_text(item.get_name()) for item in (self._source, self._source.get_image()))
        place = "" if Path(layer).stem in image else f" ({image})"  # "Background" alone tells nothing
        name.set_markup(_("Layer to recolor: {}").format(f"<b>{layer}</b>{place}"))
        row = Gtk.Box(spacing=SPACING)
        self._thumbnail = Gtk.Image.new_from_pixbuf(thumbnail(self._source))
        row.pack_start(self._thumbnail, False, False, 0)
        row.pack_start(name, True, True, 0)
        return row

    def _presets(self) -> Gtk.Widget:
        buttons = Gtk.Box()
        buttons.get_style_context().add_class("linked")
        for label, effect, values in PRESETS:
            button = Gtk.Button(label=label, use_underline=True, tooltip_text=effect)
            button.connect("clicked", lambda _button, values: self._set(values), values)
            buttons.pack_start(button, True, True, 0)
        return buttons

    def _set(self, values: dict[str, float]) -> None:
        for parameter in describe():
            self._config.set_property(parameter.name.replace("_", "-"), values.get(parameter.name, parameter.default))

    def _changed(self, delay: int = SETTLED_MS) -> None:
        self._check()
        if self._waiting:
            GLib.source_remove(self._waiting)
        self._waiting = GLib.timeout_add(delay, self._settled)

    def _settled(self) -> bool:
        self._waiting = 0
        self._preview.show_transfer(self._wanted())
        return bool(GLib.SOURCE_REMOVE)

    def _wanted(self) -> Wanted:
        params = {parameter.name: self._config.get_property(parameter.name.replace("_", "-")) for parameter in describe()}
        gathered, problem = self._gathered()
        return Wanted([] if problem else gathered, self._config.get_property("selected-only"), self._config.get_property("output"), params)

    def _gathered(self) -> tuple[list[references.Reference], str]:
        """What is ticked, and why that cannot be used; empty where it can."""
        if not self._references.drawables and not self._references.files and self._source.is_valid():
            return [], _("Tick at least one reference to take colors from.")
        try:
            gathered = references.gather(self._references.drawables, self._references.files)
            references.check(self._source, gathered)
        except ValueError as error:
            return [], f"{sentence(translated(str(error)))}."
        return gathered, ""

    def _look_again(self) -> None:
        """Layers may have been changed, or be gone, since the dialog was looked at."""
        self._preview.read_again()
        self._thumbnail.set_from_pixbuf(thumbnail(self._source))
        self._references.refresh()
        self._changed()

    def _problem(self) -> str:
        """Why no transfer can run; empty where one can."""
        lost = self._preview.unusable
        return f"{sentence(translated(str(lost)))}." if lost else self._gathered()[1] or self._preview.refusal

    def _check(self) -> None:
        """Lets OK be pressed, or says why not."""
        lost, reason = self._preview.unusable, self._problem()
        self._reason.set_text(reason)
        self._details.set_visible(lost is not None)
        self._hint.set_opacity(1.0 if reason else 0.0)
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, not reason)

    def _tell(self) -> None:
        lost, log = self._preview.unusable, ""
        with contextlib.suppress(WorkerError):  # it may be the settings that are at fault
            log = Settings.read(self._settings).log
        if lost is not None:
            trouble.show(TITLE, translated(str(lost)), lost.detail, log, self._dialog)


def _only_before_use(widget: Gtk.Widget, _x: int, _y: int, by_keyboard: bool, _tooltip: Gtk.Tooltip) -> bool:
    """Shows no tooltip over a slider that is being dragged, which it would cover."""
    if widget.has_focus() and not by_keyboard:
        widget.stop_emission_by_name("query-tooltip")
    return False


def _fitting(width: int, height: int) -> tuple[int, int]:
    """A window's size, no larger than the smallest screen has room for."""
    display = Gdk.Display.get_default()
    areas = [display.get_monitor(number).get_workarea() for number in range(display.get_n_monitors())]
    return min([width, *(area.width for area in areas)]), min([height, *(area.height - DECORATION for area in areas)])


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source: Any, settings: Path) -> tuple[bool, Prepared | None]:
    """Shows the dialog; see :meth:`Dialog.run`."""
    return Dialog(procedure, config, source, settings).run()
