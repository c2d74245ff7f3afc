"""The left side of the dialog: the preview, the choice of its view, its progress, and the device that computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gi
from nct_shared.errors import NctError
from nct_shared.frames import PixelLayout
from nct_shared.messages import Device, Hello
from nct_shared.texts import Text
from pixels.choices import TransferChoices
from worker.client import WorkerLost, WorkerSettings
from worker.preview_engine import Preview, PreviewEngine, PreviewRequest
from worker.session import TransferSpec, WorkerSession

from . import shares
from .before_after import BeforeAfter
from .language import _, in_words, sentence
from .preview_requests import PreviewRequests, product

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GLib, GObject, Gtk  # noqa: E402  after the versions are chosen

SPACING = 6
VIEWS = (
    (_("Result"), "", _("The recolored layer")),
    (_("Matches"), "matches", _("At each position of the layer, the part of the references that was matched to it")),
    (_("Confidence"), "confidence", _("How certain each match is; white is certain")),
    (_("References"), "labels", _("Which reference colors which part")),
)


class PreviewPane(Gtk.Box):  # type: ignore[misc]
    """Emits "usable" when one of its attributes has changed.

    Attributes:
        unusable: why no transfer can run at all; None if one can.
        refusal: why the exact transfer of the present choices failed; "" if it did not.
        note: what is to be known about the result that is shown; "" if nothing.
        devices: those that the worker can be asked for.
    """

    __gsignals__ = {"usable": (GObject.SignalFlags.RUN_FIRST, None, ())}  # noqa: RUF012  PyGObject reads it

    def __init__(self, source: Gimp.Layer, settings: Path) -> None:
        """Shows the source and starts the worker that the file ``settings`` describes."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING)
        self._picture = BeforeAfter()
        self._bar = Gtk.ProgressBar(show_text=True, text=" ", opacity=0.0)
        self._legend = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50)
        self._device = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, label=_("Starting…"))
        self._quality = Gtk.Label()
        self._views = Gtk.Box()
        self._views.get_style_context().add_class("linked")
        self._view = ""
        self._choices: TransferChoices | None = None
        self._requested: PreviewRequest | None = None
        self._shown: PreviewRequest | None = None
        self._ended = False
        self._sides = (Gtk.Label(label=_("Before")), Gtk.Label(label=_("After")))
        for widget in (self._views, self._picture, _captions(*self._sides, self._quality), self._bar, self._legend, self._device):
            self.pack_start(widget, widget is self._picture, True, 0)
        self._add_views()
        self.unusable: WorkerLost | None = None
        self.refusal = self.note = ""
        self.devices: Sequence[Device] = ()
        self._refused: TransferSpec | None = None
        self._settings = settings
        self._engine: PreviewEngine | None = None
        self._requests = PreviewRequests(source, self._session, self._request)
        self._show_before()
        self.start()

    def start(self) -> None:
        """Starts the worker, or another one after the last was lost."""
        self.unusable = None
        self._device.set_text(_("Starting…"))
        try:
            self._engine = PreviewEngine(
                WorkerSettings.read(self._settings),
                self._in_main_thread(self._worker_is_ready),
                self._in_main_thread(self._show_progress),
                self._in_main_thread(self._show_preview),
                self._in_main_thread(self._show_failure),
            )
        except WorkerLost as error:
            self._show_failure(error)
        self.emit("usable")

    def show_transfer(self, choices: TransferChoices) -> None:
        """Shows the result of these choices; without references, the layer as it is."""
        self._choices = choices
        self._buttons["labels"].set_sensitive(len(choices.references) > 1)
        if len(choices.references) < 2 and self._view == "labels":
            self._buttons[""].set_active(True)
        if choices.references:
            self._request()
            return
        self._requested = None
        self._requests.stop()
        if self._engine is not None:
            self._engine.show_nothing()
        self._clear_progress()
        self._picture.clear("after")
        if self._requests.effect_mask is not None:
            self._quality.set_text(_("The layer's mask or the selection limits the effect"))
        self._tell("")

    def read_again(self) -> None:
        """Reads the layers again, because they may have changed."""
        self._requests.forget()
        self._show_before()

    def hand_over(self, choices: TransferChoices, progress: Callable[[float, Text], None]) -> WorkerSession | None:
        """Ends the previews and gives away the session of their worker; see :meth:`PreviewEngine.hand_over`."""
        spec = self._requests.make(choices, "").exact if choices.references else None
        self._end()
        return self._engine.hand_over(spec, progress) if self._engine is not None else None

    def close(self) -> None:
        """Ends the previews and their worker."""
        self._end()
        if self._engine is not None:
            self._engine.close()

    def _session(self) -> WorkerSession | None:
        return self._engine.session if self._engine is not None else None

    def _end(self) -> None:
        self._ended = True
        self._requests.stop()

    def _show_before(self) -> None:
        layout, pixels = self._requests.source
        self._picture.show_picture("before", layout.width, layout.height, _rgba(layout, pixels))

    def _request(self) -> None:
        """Requests a preview of the present choices."""
        if self.unusable is None and self._engine is not None and self._choices is not None and self._choices.references:
            self._requested = self._requests.make(self._choices, self._view)
            if self._refused is not None and self._requested.exact == self._refused:
                return
            self._refuse(None, "")
            if self._shown is None or self._shown.draft != self._requested.draft:
                self._quality.set_text("…")
            self._engine.show(self._requested)
            self._requests.send_originals()

    def _tell(self, note: str) -> None:
        self.note = note
        self.emit("usable")

    def _refuse(self, spec: TransferSpec | None, refusal: str) -> None:
        self._refused, self.refusal = spec, refusal
        self.emit("usable")

    def _add_views(self) -> None:
        first = None
        self._buttons: dict[str, Gtk.RadioButton] = {}
        for label, view, tooltip in VIEWS:
            button = Gtk.RadioButton(label=label, draw_indicator=False, group=first, tooltip_text=tooltip)
            first = first or button
            button.connect("toggled", self._choose_view, view)
            self._buttons[view] = button
            self._views.pack_start(button, True, True, 0)

    def _choose_view(self, button: Gtk.RadioButton, view: str) -> None:
        if button.get_active():
            self._view = view
            if self._requested is not None:
                self._request()

    # -- the engine's callbacks, in GTK's thread

    def _in_main_thread(self, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> bool:
            if not self._ended:
                callback(*arguments)
            return bool(GLib.SOURCE_REMOVE)

        return lambda *arguments: GLib.idle_add(call, *arguments)

    def _worker_is_ready(self, hello: Hello) -> None:
        self.devices = hello.devices
        self._show_device(hello.device)
        self._device.set_tooltip_text(_("The network {} compares the pictures").format(hello.backbone) if hello.backbone else "")
        if not hello.backbone:
            self._device.set_text(sentence(_("no network weights: run install.py")))
        self.emit("usable")
        self._request()  # now the originals can be sent too

    def _show_device(self, device: str) -> None:
        self._device.set_text(_("Computed on: {}").format(_("the processor (CPU)") if device == "CPU" else device))

    def _show_progress(self, fraction: float, stage: Text) -> None:
        if self._requested is not None:
            self._bar.set_opacity(1.0)
            self._bar.set_fraction(fraction)
            self._bar.set_text(in_words(stage))

    def _clear_progress(self) -> None:
        self._bar.set_opacity(0.0)
        self._bar.set_text(" ")
        self._legend.set_text("")
        self._quality.set_text("")

    def _show_preview(self, request: PreviewRequest, preview: Preview) -> None:
        self._clear_progress()
        if self._requested is None or not request.serves(self._requested, preview.exact):
            return
        self._shown = request
        if self.refusal:
            self._refuse(None, "")
        result, facts, effect_mask = preview.result, preview.result.facts, self._requests.effect_mask
        self._legend.set_markup(_legend([reference.name for reference in request.draft.references], facts.shares, facts.colors))
        self._show_device(facts.device)
        self._tell(" ".join(f"{in_words(note)}." for note in facts.notes))
        quality = _("Final") if preview.exact else _("Draft")
        self._quality.set_text(quality if effect_mask is None else _("{}, within the layer's mask and the selection").format(quality))
        self._quality.set_tooltip_text(_("OK gives this result") if preview.exact else _("Matched at a small size; the final result follows"))
        self._picture.show_whole(bool(request.view))
        for caption in self._sides:
            caption.set_opacity(0.0 if request.view else 1.0)
        effect = None if request.view else product([mask for mask in (effect_mask, preview.confidence) if mask is not None])
        self._picture.show_picture("after", result.layout.width, result.layout.height, _rgba(result.layout, preview.pixels), effect)

    def _show_failure(self, error: NctError) -> None:
        self._clear_progress()
        self._picture.clear("after")
        if isinstance(error, WorkerLost):
            self.unusable = error
            self._device.set_text("")
            self.emit("usable")
        elif self._requested is not None:
            self._refuse(self._requested.exact, f"{sentence(in_words(error.text))}.")


def _captions(before: Gtk.Label, after: Gtk.Label, quality: Gtk.Label) -> Gtk.Widget:
    """Makes the row below the picture: the names of its two sides, and between them the quality."""
    row = Gtk.Box()
    row.pack_start(before, False, False, 0)
    row.set_center_widget(quality)
    row.pack_end(after, False, False, 0)
    for caption in (before, after):
        caption.get_style_context().add_class("dim-label")
        caption.set_tooltip_text(_("Before is left of the line, after is right of it. Drag the line, or use the arrow keys."))
    return row


def _legend(names: Sequence[str], fractions: Sequence[float], colors: Sequence[str]) -> str:
    """Returns markup with the color, name and share of each reference; empty for a single reference."""
    if len(names) < 2:
        return ""
    entries = (
        f'<span foreground="{color}">■</span> {GLib.markup_escape_text(name)} {shares.percent(fraction)}'
        for name, fraction, color in zip(names, fractions, colors)
    )
    return "   ".join(entries)


def _rgba(layout: PixelLayout, pixels: bytes) -> bytes:
    """Converts uint8 pixels of any layout to RGBA."""
    if layout.channels == 4:
        return bytes(pixels)
    rgba = bytearray(b"\xff" * (4 * layout.width * layout.height))
    for channel in range(3):
        rgba[channel::4] = pixels[channel::3] if layout.channels == 3 else pixels[:: layout.channels]
    if layout.channels == 2:
        rgba[3::4] = pixels[1::2]
    return bytes(rgba)
