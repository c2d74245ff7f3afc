"""How the dialog's column of controls scrolls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402  after the versions are chosen


def leave_wheel(widget: Gtk.Widget) -> None:
    """Makes the mouse wheel change this widget's value only while the widget has the focus; otherwise the wheel scrolls the column."""

    def turned(_widget: Gtk.Widget, _event: Gdk.Event) -> bool:
        if not widget.has_focus():
            widget.stop_emission_by_name("scroll-event")
        return False

    widget.connect("scroll-event", turned)


def show_end(scrolled: Gtk.ScrolledWindow) -> None:
    """Scrolls to the end once the newly added content is laid out."""
    scrolling = scrolled.get_vadjustment()
    _when_laid_out(scrolled.get_child(), lambda: scrolling.set_value(scrolling.get_upper() - scrolling.get_page_size()))


def show_unfolded(expander: Gtk.Expander, column: Gtk.Widget, scrolled: Gtk.ScrolledWindow) -> None:
    """Whenever the expander is opened, focuses it and scrolls until its content is visible."""
    scrolling = scrolled.get_vadjustment()

    def scroll() -> None:
        _left, top = expander.translate_coordinates(column, 0, 0)
        scrolling.set_value(min(top, scrolling.get_upper() - scrolling.get_page_size()))

    def turned(*_: Any) -> None:
        if expander.get_expanded():
            expander.grab_focus()
            _when_laid_out(column, scroll)

    expander.connect("notify::expanded", turned)


def _when_laid_out(widget: Gtk.Widget, act: Callable[[], None]) -> None:
    def acted() -> bool:
        act()
        return bool(GLib.SOURCE_REMOVE)

    def laid_out(*_: Any) -> None:
        widget.disconnect(handler)
        GLib.idle_add(acted)

    handler = widget.connect("size-allocate", laid_out)
