"""The dialog's list of possible references: every layer of every open image, and files, each with a thumbnail and a check box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gi
from pixels.names import image_name

from . import scrolling
from .labels import ADD_FILES
from .language import _

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk, Pango  # noqa: E402, F401  after the versions are chosen; GimpUi before use

SPACING = 6
THUMBNAIL = 48  # px
MANY = 8  # rows; a longer list has a filter
PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff", "*.webp")


class ReferenceList(Gtk.Box):  # type: ignore[misc]
    """The list with its filter and the button that adds files; emits "changed" when the ticked references may have changed."""

    __gsignals__ = {"changed": (GObject.SignalFlags.RUN_FIRST, None, ())}  # noqa: RUF012  PyGObject reads it

    def __init__(self, source: Gimp.Drawable, drawables: Sequence[Gimp.Drawable], files: Sequence[str]) -> None:
        """Lists all layers but the source, with these layers and files ticked, and their images on top."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING)
        self._source = source
        self._ticked = {drawable.get_id() for drawable in drawables}
        self._files = {file: True for file in files if Path(file).is_file()}
        self._remembered = {*self._ticked, *self._files}
        self._pending: Iterator[None] = iter(())
        self._list = Gtk.ListBox(selection_mode=Gtk.SelectionMode.NONE)
        self._filter = Gtk.SearchEntry(placeholder_text=_("Filter by name"), no_show_all=True)
        self._filter.connect("search-changed", lambda *_: self._list.invalidate_filter())
        self._list.set_header_func(_header)
        self._list.set_filter_func(lambda row: self._filter.get_text().casefold() in row.words)
        self._list.connect("row-activated", lambda _list, row: row.check.set_active(not row.check.get_active()))
        self._list.set_placeholder(_note(_("No other layer is open. Open a second picture, add a layer, or add files.")))
        self._list.get_accessible().set_name(_("References"))
        self._frame = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN, hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=150)
        self._frame.add(self._list)
        add = Gtk.Button(label=ADD_FILES, use_underline=True, tooltip_text=_("Take colors from pictures that are not open"))
        add.connect("clicked", lambda *_: self._choose_files())
        self._count = Gtk.Label(xalign=0.0)
        self._untick = Gtk.Button(label=_("Untick all"), tooltip_text=_("Take away all ticks, also those further down the list"))
        self._untick.connect("clicked", lambda *_: self._untick_all())
        buttons = Gtk.Box(spacing=SPACING)
        buttons.pack_start(self._count, True, True, 0)
        buttons.pack_end(add, False, False, 0)
        buttons.pack_end(self._untick, False, False, 0)
        self.connect("changed", lambda *_: self._show_count())
        self.pack_start(self._filter, False, False, 0)
        self.pack_start(self._frame, True, True, 0)
        self.pack_start(buttons, False, False, 0)
        self.refresh()

    def do_mnemonic_activate(self, cycling: bool) -> bool:
        """Focuses the first row."""
        return bool(self._list.child_focus(Gtk.DirectionType.TAB_FORWARD))

    @property
    def drawables(self) -> list[Gimp.Drawable]:
        """The ticked layers that still exist."""
        found = (row.drawable for row in self._list.get_children() if row.drawable is not None and row.check.get_active())
        return [drawable for drawable in found if drawable.is_valid()]

    @property
    def files(self) -> list[str]:
        """The ticked files."""
        return [file for file, ticked in self._files.items() if ticked]

    def refresh(self) -> None:
        """Lists the layers that are open now and keeps the ticks."""
        present = [(image, layer) for image in Gimp.get_images() for layer in _layers(image.get_layers()) if layer.get_id() != self._source.get_id()]
        entries = [*(_Entry(image.get_id(), layer.get_id(), layer.get_name(), image, layer) for image, layer in present)]
        entries += [_Entry(0, file, Path(file).name, None, None) for file in self._files]
        on_top = {entry.group for entry in entries if entry.identity in self._remembered}
        entries.sort(key=lambda entry: entry.group not in on_top)
        shown = [(row.identity, row.check.get_label(), row.get_sensitive()) for row in self._list.get_children()]
        wanted = [(entry.identity, entry.name, entry.usable) for entry in entries]
        if shown == wanted:
            return
        for row in self._list.get_children():
            row.destroy()
        for entry in entries:
            self._add(entry)
        self._filter.set_visible(len(wanted) > MANY)
        self._list.show_all()
        self._pending = self._draw_thumbnails()
        GLib.idle_add(lambda: next(self._pending, True) is None)
        self.emit("changed")

    def _add(self, entry: _Entry) -> None:
        own = self._source.get_image().get_id() if self._source.is_valid() else 0
        home = _("Files") if entry.image is None else image_name(entry.image)
        row = _Row(entry.group, _("{} (this image)").format(home) if entry.group == own else home, entry.name, entry.identity, entry.drawable)
        if not entry.usable:
            row.set_sensitive(False)
            row.set_tooltip_text(_("This image is indexed: convert it with Image > Mode > RGB"))
        elif entry.drawable is None:
            row.set_tooltip_text(entry.identity)
        row.check.set_active(entry.usable and (self._files[entry.identity] if entry.drawable is None else entry.identity in self._ticked))
        row.check.connect("toggled", self._toggled, row)
        self._list.add(row)

    def _toggled(self, check: Gtk.CheckButton, row: _Row) -> None:
        if row.drawable is None:
            self._files[row.identity] = check.get_active()
        elif check.get_active():
            self._ticked.add(row.identity)
        else:
            self._ticked.discard(row.identity)
        self.emit("changed")

    def _untick_all(self) -> None:
        for row in self._list.get_children():
            row.check.set_active(False)

    def _show_count(self) -> None:
        count = len(self.drawables) + len(self.files)
        self._count.set_text(_("References ticked: {}").format(count))
        self._untick.set_sensitive(count > 0)

    def _draw_thumbnails(self) -> Iterator[None]:
        """Draws one thumbnail per step, because many of them take time."""
        for row in self._list.get_children():
            row.image.set_from_pixbuf(thumbnail(row.drawable) if row.drawable is not None else _file_thumbnail(row.identity))
            yield

    def _choose_files(self) -> None:
        chooser = Gtk.FileChooserNative.new(_("Pictures to take colors from"), self.get_toplevel(), Gtk.FileChooserAction.OPEN, _("_Add"), _("_Cancel"))
        chooser.set_select_multiple(True)
        if self._files:
            chooser.set_current_folder(str(Path([*self._files][-1]).parent))
        pictures = Gtk.FileFilter()
        pictures.set_name("PNG, JPEG, TIFF, WebP")
        for pattern in PATTERNS:
            pictures.add_pattern(pattern)
            pictures.add_pattern(pattern.upper())
        chooser.add_filter(pictures)
        if chooser.run() == Gtk.ResponseType.ACCEPT:
            chosen = chooser.get_filenames()
            self._files.update({file: True for file in chosen if file not in self._files})
            self.refresh()
            for row in self._list.get_children():
                if row.identity in chosen:  # also files that were listed before, unticked
                    row.check.set_active(True)
            scrolling.show_end(self._frame)  # the files are at the end
        chooser.destroy()


@dataclass(frozen=True)
class _Entry:
    """What a row lists; see :class:`_Row`."""

    group: int
    identity: Any
    name: str
    image: Gimp.Image | None
    drawable: Gimp.Drawable | None

    @property
    def usable(self) -> bool:
        return self.drawable is None or not self.drawable.is_indexed()


class _Row(Gtk.ListBoxRow):  # type: ignore[misc]
    """The row of one reference.

    Attributes:
        group, home: number and name of the layer's image; 0 and "Files" for files.
        identity: the layer's number or the file's path.
        drawable: the layer; None for a file.
    """

    def __init__(self, group: int, home: str, name: str, identity: Any, drawable: Gimp.Drawable | None) -> None:
        super().__init__()
        self.group, self.home, self.identity, self.drawable = group, home, identity, drawable
        self.words = f"{home} {name}".casefold()
        self.check = Gtk.CheckButton(label=name)
        self.check.get_child().set_ellipsize(Pango.EllipsizeMode.MIDDLE)
        for widget in (self.check, self.check.get_child()):
            widget.get_style_context().add_provider(_plain(), Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
        self.image = Gtk.Image()
        self.image.set_size_request(THUMBNAIL, THUMBNAIL)
        box = Gtk.Box(spacing=SPACING)
        box.pack_start(self.image, False, False, SPACING)
        box.pack_start(self.check, True, True, 0)
        self.add(box)


def _plain() -> Gtk.CssProvider:
    """Removes the background: GIMP's theme gives check boxes that of dialogs, which looks like a frame in a list."""
    style = Gtk.CssProvider()
    style.load_from_data(b"* { background: none; }")
    return style


def thumbnail(drawable: Gimp.Drawable) -> GdkPixbuf.Pixbuf | None:
    """Returns a small picture of the layer; None if it was deleted."""
    return drawable.get_thumbnail(THUMBNAIL, THUMBNAIL, Gimp.PixbufTransparency.SMALL_CHECKS) if drawable.is_valid() else None


def _file_thumbnail(path: str) -> GdkPixbuf.Pixbuf | None:
    try:
        return GdkPixbuf.Pixbuf.new_from_file_at_scale(path, THUMBNAIL, THUMBNAIL, True).apply_embedded_orientation()
    except GLib.Error:  # some GTKs cannot read some formats; the worker reports damaged files
        return None


def _layers(layers: Sequence[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _layers(layer.get_children())


def _header(row: _Row, before: _Row | None) -> None:
    if before is not None and before.group == row.group:
        row.set_header(None)
    elif row.get_header() is None:
        label = Gtk.Label(label=row.home, xalign=0.0, margin=3, ellipsize=Pango.EllipsizeMode.MIDDLE)
        label.get_style_context().add_class("dim-label")
        label.show()
        row.set_header(label)


def _note(text: str) -> Gtk.Label:
    label = Gtk.Label(label=text, wrap=True, margin=SPACING, max_width_chars=40)
    label.show()
    return label
