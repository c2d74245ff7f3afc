"""A picture before and after, in one frame, with a movable line between the two."""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402  after the versions are chosen

MIN_WIDTH, MIN_HEIGHT = 340, 260
STEP = 0.05
_CHECK_SIZE, _LIGHT, _DARK = 8, 0x999999, 0x666666
_LINE, _FOCUSED = 0xFFFFFFFF, 3  # color, and width in px while the widget has the focus


class BeforeAfter(Gtk.EventBox):  # type: ignore[misc]
    """Shows one picture left of the line and the other right of it. The line is dragged, or moved with the arrow keys.

    Drawn with GdkPixbuf, because the Python of some GIMPs has no cairo.
    """

    def __init__(self) -> None:
        super().__init__(can_focus=True)
        self._pictures: dict[str, GdkPixbuf.Pixbuf] = {}
        self._fitted: dict[str, GdkPixbuf.Pixbuf] = {}
        self._split = 0.5
        self._whole = False
        self._image = Gtk.Image()
        self._window = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.EXTERNAL, vscrollbar_policy=Gtk.PolicyType.EXTERNAL)
        self._window.set_size_request(MIN_WIDTH, MIN_HEIGHT)
        self._window.add(self._image)
        self.add(self._window)
        self._size = (0, 0)
        self._window.connect("size-allocate", lambda _widget, area: self._resized(area.width, area.height))
        self.add_events(Gdk.EventMask.BUTTON_PRESS_MASK | Gdk.EventMask.BUTTON_MOTION_MASK)
        self.set_above_child(True)
        self.connect("button-press-event", self._dragged)
        self.connect("motion-notify-event", self._dragged)
        self.connect("key-press-event", self._pressed)
        self.connect("notify::has-focus", lambda *_arguments: self._draw())

    def show_picture(self, side: str, width: int, height: int, rgba: bytes, effect: bytes | None = None) -> None:
        """Shows a picture on one side.

        Args:
            side: "before" or "after".
            width, height: size in pixels, the same for both sides.
            rgba: 4 bytes per pixel, sRGB, rows from the top.
            effect: 1 byte per pixel; the lower it is, the more the picture before shows through.
        """
        if effect is not None:
            masked = bytearray(rgba)
            masked[3::4] = effect
            rgba = bytes(masked)
        picture = GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(rgba), GdkPixbuf.Colorspace.RGB, True, 8, width, height, 4 * width)
        if effect is not None:
            below = self._pictures["before"].copy()
            picture.composite(below, 0, 0, width, height, 0, 0, 1, 1, GdkPixbuf.InterpType.NEAREST, 255)
            picture = below
        self._pictures[side] = picture
        self._fitted.pop(side, None)
        after = self._pictures.get("after", picture)
        if (after.get_width(), after.get_height()) != (width, height):  # the layer was resized in the meantime
            self.clear("after")
        self._draw()

    def show_whole(self, whole: bool) -> None:
        """Shows the picture after alone, without the line, or both."""
        self._whole = whole
        self._draw()

    def clear(self, side: str) -> None:
        """Removes the picture of one side."""
        self._pictures.pop(side, None)
        self._fitted.pop(side, None)
        self._draw()

    def _resized(self, width: int, height: int) -> None:
        if (width, height) != self._size:
            self._size = (width, height)
            self._fitted.clear()
            GLib.idle_add(self._draw)

    def _draw(self) -> None:
        if not self._pictures or min(self._size) < 2:
            return
        for side, picture in self._pictures.items():
            if side not in self._fitted:
                scale = min((self._size[0] - 2) / picture.get_width(), (self._size[1] - 2) / picture.get_height())
                width, height = (max(1, int(length * scale)) for length in (picture.get_width(), picture.get_height()))
                smooth = GdkPixbuf.InterpType.BILINEAR
                self._fitted[side] = picture.composite_color_simple(width, height, smooth, 255, _CHECK_SIZE, _LIGHT, _DARK)
        if len(self._fitted) < 2 or self._whole:
            self._image.set_from_pixbuf(self._fitted.get("after") or self._fitted["before"])
            return
        shown, after = self._fitted["before"].copy(), self._fitted["after"]
        width, height = after.get_width(), after.get_height()
        line_column = round(self._split * width)
        if line_column < width:
            after.copy_area(line_column, 0, width - line_column, height, shown, line_column, 0)
        line_width = min(_FOCUSED if self.has_focus() else 1, width - line_column)
        if 0 < line_column < width:
            shown.new_subpixbuf(line_column, 0, line_width, height).fill(_LINE)
        self._image.set_from_pixbuf(shown)

    def _dragged(self, _widget: Gtk.Widget, event: Gdk.Event) -> bool:
        self.grab_focus()
        if self._fitted:
            width = next(iter(self._fitted.values())).get_width()
            self._move((event.x - (self._size[0] - width) / 2) / width)
        return True

    def _pressed(self, _widget: Gtk.Widget, event: Gdk.EventKey) -> bool:
        move = {Gdk.KEY_Left: -STEP, Gdk.KEY_Right: STEP, Gdk.KEY_Home: -1.0, Gdk.KEY_End: 1.0}.get(event.keyval)
        if move is None:
            return False
        self._move(self._split + move)
        return True

    def _move(self, split: float) -> None:
        self._split = min(1.0, max(0.0, split))
        self._draw()
