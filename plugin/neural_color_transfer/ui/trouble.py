"""The window that reports an error: what happened, what to do, and on demand the details and the log."""

from __future__ import annotations

import os
from pathlib import Path

import gi

from .language import _, sentence

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gio, GLib, Gtk  # noqa: E402  after the versions are chosen

SPACING = 12
WIDTH, DETAIL_HEIGHT = 520, 220
TAIL_BYTES = 8000
_OPEN_LOG = 1


def show(title: str, message: str, detail: str, log: str, parent: Gtk.Window | None = None) -> None:
    """Shows an error until it is closed.

    Args:
        title: title of the window.
        message: what happened and, after the last semicolon, what to do.
        detail: text of the folded details; if empty, the end of the log.
        log: path of the log file; "" if there is none.
        parent: the window that opened this one; None means GIMP's.
    """
    GimpUi.init(title)
    dialog = Gtk.Dialog(title=title, modal=True, transient_for=parent, default_width=WIDTH)
    if parent is None:
        GimpUi.window_set_transient(dialog)
    if log:
        dialog.add_button(_("Open _log"), _OPEN_LOG)
    dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
    dialog.set_default_response(Gtk.ResponseType.CLOSE)
    where = Gtk.Label(xalign=0.0, wrap=True, selectable=True, no_show_all=True)
    content = dialog.get_content_area()
    content.set_property("margin", SPACING)
    content.set_spacing(SPACING)
    content.pack_start(_headline(message), False, False, 0)
    content.pack_start(_expander(detail or _tail(log) or message), True, True, 0)
    content.pack_start(where, False, False, 0)
    content.show_all()
    dialog.get_widget_for_response(Gtk.ResponseType.CLOSE).grab_focus()
    while dialog.run() == _OPEN_LOG:
        if not _opened(log):
            where.set_text(_("The log cannot be opened from here; it is this file: {}").format(log))
            where.show()
    dialog.destroy()


def _headline(message: str) -> Gtk.Widget:
    problem, divider, advice = message.rpartition("; ")
    problem, advice = (problem, advice) if divider else (message, "")
    words = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING // 2)
    for text, markup in ((problem, "<b>{}</b>"), (advice, "{}")):
        if text:
            label = Gtk.Label(xalign=0.0, wrap=True, selectable=True, can_focus=False, max_width_chars=60)
            label.set_markup(markup.format(GLib.markup_escape_text(f"{sentence(text).rstrip('.')}.")))
            words.pack_start(label, False, False, 0)
    row = Gtk.Box(spacing=SPACING)
    row.pack_start(Gtk.Image.new_from_icon_name("dialog-error", Gtk.IconSize.DIALOG), False, False, 0)
    row.pack_start(words, True, True, 0)
    return row


def _expander(detail: str) -> Gtk.Widget:
    text = Gtk.TextView(editable=False, cursor_visible=False, monospace=True, left_margin=6, right_margin=6, top_margin=6, bottom_margin=6)
    text.set_accepts_tab(False)
    text.get_buffer().set_text(detail)
    scrolled = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN, min_content_height=DETAIL_HEIGHT)
    scrolled.add(text)
    expander = Gtk.Expander(label=_("Show _details"), use_underline=True, resize_toplevel=True)
    expander.add(scrolled)
    return expander


def _tail(log: str) -> str:
    """Returns the end of the log, where the worker's last messages are."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _opened(log: str) -> bool:
    """Opens the log with the desktop's program for it; returns False if there is no log or no such program."""
    if not Path(log).is_file():
        return False
    try:
        return bool(Gio.AppInfo.launch_default_for_uri(GLib.filename_to_uri(str(Path(log).absolute()), None), None))
    except GLib.Error:
        return False
