"""The left side of the dialog: the preview, what it shows, how far it is, and what computes it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gi
import layers
import references
from choices import CONFIDENCE_MASK
from language import _, sentence, translated
from nct_shared.protocol import PixelLayout
from preview import Preview
from preview_engine import APPLIED, Picture, PreviewEngine, Wish
from worker_client import Reference, Settings, Worker, WorkerError, WorkerLost

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GLib, GObject, Gtk  # noqa: E402  after the versions are chosen

SPACING = 6
SHOWN_SIDE = 512  # px of the pictures that are sent
MATCHED_SIDE = 256  # px at which they are matched: a preview is quick, not exact
VIEWS = (
    (_("Result"), "", _("The recoloured layer")),
    (_("Matches"), "matches", _("The parts of the references that were matched, in the layer's places")),
    (_("Confidence"), "confidence", _("How sure each match is: white is sure")),
    (_("References"), "labels", _("Which reference colours what")),
)


class PreviewPane(Gtk.Box):  # type: ignore[misc]
    """Emits "usable" when ``unusable`` has changed.

    Attributes:
        unusable: why no transfer can run at all; None where one can.
    """

    __gsignals__ = {"usable": (GObject.SignalFlags.RUN_FIRST, None, ())}  # noqa: RUF012  PyGObject reads it

    def __init__(self, source: Gimp.Layer, settings: Path) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING)
        self._source = source
        self._picture = Preview()
        self._bar = Gtk.ProgressBar(show_text=True, text=" ", opacity=0.0)
        self._legend = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50)
        self._words = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, label=_("Starting…"))
        self._views = Gtk.Box()
        self._views.get_style_context().add_class("linked")
        self._view = ""
        self._wish: Wish | None = None
        self._pictures: dict[str, Picture] = {}
        self._names: dict[tuple[object, ...], str] = {}
        for widget in (self._views, self._picture, _captions(), self._bar, self._legend, self._words):
            self.pack_start(widget, widget is self._picture, True, 0)
        self._add_views()
        self._read_source()
        self.unusable: WorkerError | None = None
        self._engine: PreviewEngine | None = None
        try:
            self._engine = PreviewEngine(
                Settings.read(settings), self._soon(self._ready), self._soon(self._progress), self._soon(self._done), self._soon(self._failed)
            )
        except WorkerLost as error:
            self._failed(error)

    def show_transfer(self, gathered: Sequence[references.Reference], selected_only: bool, output: str, params: Mapping[str, Any]) -> None:
        """Shows what these references and parameters give; without references the layer as it is."""
        if not gathered:
            self._wish = None
            self._rest()
            self._picture.forget("after")
            return
        described = [self._describe(reference, selected_only) for reference in gathered]
        quick = {name: value for name, value in params.items() if name not in APPLIED}
        quick["working_size"] = min(quick["working_size"], MATCHED_SIDE)
        applied = {name: params[name] for name in APPLIED}
        self._wish = Wish(dict(self._pictures), self._before, described, quick, applied, self._view, output == CONFIDENCE_MASK, SHOWN_SIDE)
        self._ask()

    def read_again(self) -> None:
        """Forgets what the layers looked like: they may have been changed."""
        self._names.clear()
        if self._source.is_valid():
            self._read_source()

    def hand_over(self) -> Worker | None:
        """Ends the previews and gives their worker away."""
        return self._engine.hand_over() if self._engine is not None else None

    def close(self) -> None:
        """Ends the previews and their worker."""
        if self._engine is not None:
            self._engine.close()

    def _read_source(self) -> None:
        self._before = self._keep(("source",), lambda: ("source", *layers.preview_of(self._source, SHOWN_SIDE)))
        _role, layout, pixels = self._pictures[self._before]
        self._effect = _product([_mask_bytes(self._source, mask, place) for mask, place in layers.masks_of(self._source, True)])
        self._picture.show_picture("before", layout.width, layout.height, _rgba(layout, pixels))

    def _ask(self) -> None:
        if self._engine is not None and self._wish is not None:
            self._engine.show(self._wish)

    def _add_views(self) -> None:
        first = None
        for label, view, effect in VIEWS:
            button = Gtk.RadioButton(label=label, draw_indicator=False, group=first, tooltip_text=effect)
            first = first or button
            button.connect("toggled", self._choose_view, view)
            self._views.pack_start(button, True, True, 0)

    def _choose_view(self, button: Gtk.RadioButton, view: str) -> None:
        if button.get_active():
            self._view = view
            if self._wish is not None:
                self._wish = Wish(**{**vars(self._wish), "view": view})
                self._ask()

    def _describe(self, reference: references.Reference, selected_only: bool) -> Reference:
        """Keeps the reference's pixels for the worker, once, and says how the worker knows it."""
        drawable = reference.drawable
        if drawable is None:
            return Reference(reference.name, file=reference.path)
        image = self._keep((drawable.get_id(),), lambda: ("reference", *layers.preview_of(drawable, SHOWN_SIDE)))
        masks = []
        for mask, place in layers.masks_of(drawable, selected_only):
            make = functools.partial(_mask_picture, drawable, mask, place)
            masks.append(self._keep((drawable.get_id(), mask.get_id()), make))
        return Reference(reference.name, image=image, masks=masks)

    def _keep(self, key: tuple[object, ...], make: Callable[[], Picture]) -> str:
        """The name of a picture; the same pixels have the same name, so that they are sent and matched once."""
        if key not in self._names:
            role, layout, pixels = make()
            self._names[key] = hashlib.sha256(f"{role} {layout}".encode() + pixels).hexdigest()
            self._pictures[self._names[key]] = role, layout, pixels
        return self._names[key]

    # -- what the engine tells, in GTK's own thread

    def _soon(self, tell: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> bool:
            tell(*arguments)
            return bool(GLib.SOURCE_REMOVE)

        return lambda *arguments: GLib.idle_add(call, *arguments)

    def _ready(self, hello: Mapping[str, Any]) -> None:
        self._words.set_text(f"{hello['device']} · {hello['backbone'] or _('no network weights: run install.py')}")
        self._words.set_tooltip_text(_("What computes, and which network compares the pictures"))

    def _progress(self, fraction: float, stage: str) -> None:
        if self._wish is not None:
            self._bar.set_opacity(1.0)
            self._bar.set_fraction(fraction)
            self._bar.set_text(translated(stage))

    def _rest(self) -> None:
        self._bar.set_opacity(0.0)
        self._bar.set_text(" ")
        self._legend.set_text("")

    def _done(self, wish: Wish, result: Mapping[str, Any], pixels: bytes, confidence: bytes | None) -> None:
        self._rest()
        if self._wish is not wish and (self._wish is None or self._wish.transfer != wish.transfer):
            return
        self._legend.set_markup(_legend([reference.name for reference in wish.references], result["shares"], result["colors"]))
        layout = PixelLayout.of(result)
        effect = None if wish.view else _product([mask for mask in (self._effect, confidence) if mask is not None])
        self._picture.show_picture("after", layout.width, layout.height, _rgba(layout, pixels), effect)

    def _failed(self, error: WorkerError) -> None:
        self._rest()
        self._picture.forget("after")
        if isinstance(error, WorkerLost):
            self.unusable = error
            self._words.set_text("")
            self.emit("usable")
        else:
            self._legend.set_text(sentence(translated(str(error))))


def _captions() -> Gtk.Widget:
    """Names the picture's two sides."""
    row = Gtk.Box()
    for caption, pack in ((Gtk.Label(label=_("Before")), row.pack_start), (Gtk.Label(label=_("After")), row.pack_end)):
        caption.get_style_context().add_class("dim-label")
        pack(caption, False, False, 0)
    return row


def _legend(names: Sequence[str], shares: Sequence[float], colors: Sequence[str]) -> str:
    """Each reference's colour, name and share, where there are several."""
    if len(names) < 2:
        return ""
    entries = (
        f'<span foreground="{color}">■</span> {GLib.markup_escape_text(name)} {references.percent(share)}' for name, share, color in zip(names, shares, colors)
    )
    return "   ".join(entries)


def _mask_bytes(layer: Gimp.Drawable, mask: Gimp.Channel, place: tuple[int, int]) -> bytes:
    return b"".join(layers.read_mask(layer, mask, place, SHOWN_SIDE))


def _mask_picture(layer: Gimp.Drawable, mask: Gimp.Channel, place: tuple[int, int]) -> Picture:
    return "mask", layers.layout_of_mask(layer, SHOWN_SIDE), _mask_bytes(layer, mask, place)


def _product(masks: Sequence[bytes]) -> bytes | None:
    if len(masks) < 2:
        return masks[0] if masks else None
    return bytes(first * second // 255 for first, second in zip(*masks))


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
