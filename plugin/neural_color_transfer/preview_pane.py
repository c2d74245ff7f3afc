"""The left side of the dialog: the preview, what it shows, how far it is, and what computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gi
import references
from language import _, sentence, translated
from nct_shared.frames import PixelLayout
from plans import Plan, Prepared
from preview import Preview
from preview_engine import PreviewEngine, Shown, Wish
from preview_pictures import PreviewPictures, Wanted, product
from worker_client import Settings, WorkerError, WorkerLost

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GLib, GObject, Gtk  # noqa: E402  after the versions are chosen

SPACING = 6
VIEWS = (
    (_("Result"), "", _("The recolored layer")),
    (_("Matches"), "matches", _("The parts of the references that were matched, in the layer's places")),
    (_("Confidence"), "confidence", _("How sure each match is: white is sure")),
    (_("References"), "labels", _("Which reference colors what")),
)


class PreviewPane(Gtk.Box):  # type: ignore[misc]
    """Emits "usable" when one of its attributes has changed.

    Attributes:
        unusable: why no transfer can run at all; None where one can.
        refusal: why the true transfer of what is wanted now cannot be run; "" where nothing is known against it.
    """

    __gsignals__ = {"usable": (GObject.SignalFlags.RUN_FIRST, None, ())}  # noqa: RUF012  PyGObject reads it

    def __init__(self, source: Gimp.Layer, settings: Path) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING)
        self._picture = Preview()
        self._bar = Gtk.ProgressBar(show_text=True, text=" ", opacity=0.0)
        self._legend = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50)
        self._words = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, label=_("Starting…"))
        self._quality = Gtk.Label()
        self._views = Gtk.Box()
        self._views.get_style_context().add_class("linked")
        self._view = ""
        self._wish: Wish | None = None
        self._shown: Wish | None = None
        self._asked: Wanted | None = None
        self._over = False
        for widget in (self._views, self._picture, _captions(self._quality), self._bar, self._legend, self._words):
            self.pack_start(widget, widget is self._picture, True, 0)
        self._add_views()
        self.unusable: WorkerError | None = None
        self.refusal = ""
        self._refused: Plan | None = None
        self._engine: PreviewEngine | None = None
        self._pictures = PreviewPictures(source, self._prepared, self._ask)
        self._show_before()
        try:
            self._engine = PreviewEngine(
                Settings.read(settings), self._soon(self._ready), self._soon(self._progress), self._soon(self._done), self._soon(self._failed)
            )
        except WorkerLost as error:
            self._failed(error)

    def show_transfer(self, wanted: Wanted) -> None:
        """Shows what these references and parameters give; without references the layer as it is."""
        self._asked = wanted
        self._buttons["labels"].set_sensitive(len(wanted.references) > 1)
        if len(wanted.references) < 2 and self._view == "labels":
            self._buttons[""].set_active(True)
        if wanted.references:
            self._ask()
            return
        self._wish = None
        self._pictures.stop()
        if self._engine is not None:
            self._engine.rest()
        self._rest()
        self._picture.forget("after")

    def read_again(self) -> None:
        """Forgets what the layers looked like: they may have been changed."""
        self._pictures.forget()
        self._show_before()

    def hand_over(self, wanted: Wanted, progress: Callable[[float, str], None]) -> Prepared | None:
        """Ends the previews and gives their worker away; where it is at what is wanted already, that is finished, and ``progress`` called meanwhile."""
        plan = self._pictures.wish(wanted, "").exact if wanted.references else None
        self._end()
        return self._engine.hand_over(plan, progress) if self._engine is not None else None

    def close(self) -> None:
        """Ends the previews and their worker."""
        self._end()
        if self._engine is not None:
            self._engine.close()

    def _prepared(self) -> Prepared | None:
        return self._engine.prepared if self._engine is not None else None

    def _end(self) -> None:
        self._over = True
        self._pictures.stop()

    def _show_before(self) -> None:
        layout, pixels = self._pictures.source
        self._picture.show_picture("before", layout.width, layout.height, _rgba(layout, pixels))

    def _ask(self) -> None:
        """Asks the engine for what was asked for last."""
        if self._engine is not None and self._asked is not None and self._asked.references:
            self._wish = self._pictures.wish(self._asked, self._view)
            if self._refused is not None and self._wish.exact == self._refused:
                return
            self._refuse(None, "")
            if self._shown is None or self._shown.draft != self._wish.draft:
                self._quality.set_text("…")
            self._engine.show(self._wish)
            self._pictures.send_originals()

    def _refuse(self, plan: Plan | None, refusal: str) -> None:
        self._refused, self.refusal = plan, refusal
        self.emit("usable")

    def _add_views(self) -> None:
        first = None
        self._buttons: dict[str, Gtk.RadioButton] = {}
        for label, view, effect in VIEWS:
            button = Gtk.RadioButton(label=label, draw_indicator=False, group=first, tooltip_text=effect)
            first = first or button
            button.connect("toggled", self._choose_view, view)
            self._buttons[view] = button
            self._views.pack_start(button, True, True, 0)

    def _choose_view(self, button: Gtk.RadioButton, view: str) -> None:
        if button.get_active():
            self._view = view
            if self._wish is not None:
                self._ask()

    # -- what the engine tells, in GTK's own thread

    def _soon(self, tell: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> bool:
            if not self._over:
                tell(*arguments)
            return bool(GLib.SOURCE_REMOVE)

        return lambda *arguments: GLib.idle_add(call, *arguments)

    def _ready(self, hello: Mapping[str, Any]) -> None:
        self._words.set_text(f"{hello['device']} · {hello['backbone'] or _('no network weights: run install.py')}")
        self._words.set_tooltip_text(_("What computes, and which network compares the pictures"))
        self._ask()  # now the worker can be sent the originals too

    def _progress(self, fraction: float, stage: str) -> None:
        if self._wish is not None:
            self._bar.set_opacity(1.0)
            self._bar.set_fraction(fraction)
            self._bar.set_text(translated(stage))

    def _rest(self) -> None:
        self._bar.set_opacity(0.0)
        self._bar.set_text(" ")
        self._legend.set_text("")
        self._quality.set_text("")

    def _done(self, wish: Wish, shown: Shown) -> None:
        self._rest()
        if self._wish is None or not wish.agrees_with(self._wish, shown.exact):
            return
        self._shown = wish
        if self.refusal:
            self._refuse(None, "")
        header, confidence = shown.header, shown.confidence
        self._legend.set_markup(_legend([reference.name for reference in wish.draft.references], header["shares"], header["colors"]))
        quality = _("Final") if shown.exact else _("Draft")
        self._quality.set_text(quality if self._pictures.effect is None else _("{}, within the layer's mask and the selection").format(quality))
        self._quality.set_tooltip_text(_("What OK will give") if shown.exact else _("Matched at a small size; what OK will give follows"))
        layout = PixelLayout.of(header)
        effect = None if wish.view else product([mask for mask in (self._pictures.effect, confidence) if mask is not None])
        self._picture.show_picture("after", layout.width, layout.height, _rgba(layout, shown.pixels), effect)

    def _failed(self, error: WorkerError) -> None:
        self._rest()
        self._picture.forget("after")
        if isinstance(error, WorkerLost):
            self.unusable = error
            self._words.set_text("")
            self.emit("usable")
        elif self._wish is not None:
            self._refuse(self._wish.exact, f"{sentence(translated(str(error)))}.")


def _captions(quality: Gtk.Label) -> Gtk.Widget:
    """Names the picture's two sides, with how good it is between them."""
    row = Gtk.Box()
    before, after = Gtk.Label(label=_("Before")), Gtk.Label(label=_("After"))
    row.pack_start(before, False, False, 0)
    row.set_center_widget(quality)
    row.pack_end(after, False, False, 0)
    for caption in (before, after):
        caption.get_style_context().add_class("dim-label")
        caption.set_tooltip_text(_("Left of the line: before, right of it: after. Drag the line, or use the arrow keys."))
    return row


def _legend(names: Sequence[str], shares: Sequence[float], colors: Sequence[str]) -> str:
    """Each reference's color, name and share, where there are several."""
    if len(names) < 2:
        return ""
    entries = (
        f'<span foreground="{color}">■</span> {GLib.markup_escape_text(name)} {references.percent(share)}' for name, share, color in zip(names, shares, colors)
    )
    return "   ".join(entries)


def _rgba(layout: PixelLayout, pixels: bytes) -> bytes:
    """Any layout of uint8 pixels as RGBA."""
    if layout.channels == 4:
        return bytes(pixels)
    rgba = bytearray(b"\xff" * (4 * layout.width * layout.height))
    for channel in range(3):
        rgba[channel::4] = pixels[channel::3] if layout.channels == 3 else pixels[:: layout.channels]
    if layout.channels == 2:
        rgba[3::4] = pixels[1::2]
    return bytes(rgba)
