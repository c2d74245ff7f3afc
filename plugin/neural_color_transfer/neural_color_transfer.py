#!/usr/bin/env python3
"""Filters ▸ Neural Color Transfer…: a layer takes on the colours of other layers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi
from choices import NEW_LAYER, OUTPUTS
from gimpfu_compat import (
    PF_BOOL,
    PF_DRAWABLE,
    PF_DRAWABLES,
    PF_IMAGE,
    PF_LAYER,
    PF_PATHS,
    PF_RADIO,
    PF_SLIDER,
    PF_SPINNER,
    PF_STRING,
    CancelError,
    fail,
    main,
    register,
)
from nct_shared.errors import NctError
from nct_shared.params import describe

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

if TYPE_CHECKING:
    from references import Reference
    from worker_client import Worker

SETTINGS = Path(__file__).with_name("worker.json")


class Run:
    """One run of the procedure: asked for, done, shown."""

    def __init__(self) -> None:
        self._worker: Worker | None = None  # of the dialog's preview

    def ask(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, source: Gimp.Drawable) -> bool:
        """Shows the dialog; returns whether to go on."""
        import dialog  # GTK, which a run without a dialog does not need

        confirmed, self._worker = dialog.ask(procedure, config, source, SETTINGS)
        return confirmed

    def recolour(
        self, image: Gimp.Image, source: Gimp.Layer, drawables: Sequence[Gimp.Drawable], files: Sequence[str], selected_only: bool, output: str, *values: Any
    ) -> tuple[Gimp.Layer, str]:
        """Recolours a copy of ``source`` and puts it where ``output`` says; ``values`` are those of :func:`describe`, in order.

        Returns:
            The new layer (or group of layers), and how much of it each reference coloured, in words.
        """
        import references
        from worker_client import Settings, Worker, WorkerError

        log = ""
        try:
            settings = Settings.read(SETTINGS)
            log = settings.log
            gathered = references.gather(drawables, files)
            references.check(source, gathered)
            params = {parameter.name: value for parameter, value in zip(describe(), values)}
            Gimp.progress_init("Starting")
            with self._worker or Worker(settings) as worker:
                if worker is not self._worker:
                    worker.hello()
                return _transfer(worker, source, gathered, selected_only, output, params)
        except WorkerError as error:
            if error.code == "cancelled":
                raise CancelError from error
            problem = str(error)
        except (ValueError, NctError) as error:
            problem = str(error)
        except Exception as error:
            with contextlib.suppress(OSError), open(log, "a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            problem = f"the plug-in failed unexpectedly ({type(error).__name__}: {error})"
        return fail(f"{problem[:1].upper()}{problem[1:]} (log: {log})")

    def show(self, image: Gimp.Image, source: Gimp.Layer, layer: Gimp.Layer, used: str) -> None:
        """Shows a new image, and says what was used where there was a choice."""
        if layer.get_image().get_id() != image.get_id():
            Gimp.Display.new(layer.get_image())
        if used.count(" %") > 1 or ";" in used:
            Gimp.message(used)


def _transfer(
    worker: Worker, source: Gimp.Layer, gathered: Sequence[Reference], selected_only: bool, output: str, params: dict[str, Any]
) -> tuple[Gimp.Layer, str]:
    import outputs
    import references
    import sending

    def progress(fraction: float, stage: str) -> None:
        Gimp.progress_set_text(stage)
        Gimp.progress_update(fraction)

    masks = sending.send_source(worker, source)
    job = worker.transfer(sending.SOURCE, sending.send_references(worker, gathered, selected_only), params)
    result = worker.wait(job, progress)
    layer = outputs.make(output, source, gathered, worker, job, result, masks)
    Gimp.progress_end()
    return layer, references.account(gathered, result["shares"])


def _sliders() -> list[tuple[Any, ...]]:
    """Every parameter as a slider, with its own mnemonic as far as the letters reach, and as tooltip its effect (without the source in parentheses)."""
    sliders, taken = [], set("nrocsltafuypv")  # those of GIMP's own buttons, and of the dialog
    for parameter in describe():
        label = parameter.label if parameter.unit in ("-", "fraction", "weight", "count") else f"{parameter.label} ({parameter.unit})"
        letter = next((letter for letter in label.lower() if letter.isalpha() and letter not in taken), "")
        taken.update(letter)
        at = label.lower().index(letter)
        effect = parameter.effect.rpartition(" (")[0]
        kind, step = (PF_SPINNER, 1) if parameter.integer else (PF_SLIDER, 0.01)
        extra = (parameter.low, parameter.high, step)
        mnemonic = "_" if letter else ""
        sliders.append((kind, parameter.name, f"{label[:at]}{mnemonic}{label[at:]}", parameter.default, extra, f"{effect[:1].upper()}{effect[1:]}"))
    return sliders


run = Run()
register(
    "neural-color-transfer",
    "Gives a layer the colours of other layers, matched by what the pictures show",
    "Finds for every part of the selected layer the part of the references (layers of any open images, or files) that shows the like, and recolours a "
    "copy of the layer so.",
    "The Neural Color Transfer authors",
    "The Neural Color Transfer authors, GPL-3.0-or-later",
    "2026",
    "_Neural Color Transfer…",
    "RGB*, GRAY*",
    [
        (PF_IMAGE, "image", "Image", None),
        (PF_DRAWABLE, "source", "Layer to recolour", None),
        (PF_DRAWABLES, "references", "Reference layers", None, None, "Layers of any open images whose colours are wanted"),
        (PF_PATHS, "reference-files", "Reference files", None, None, "Paths of pictures whose colours are wanted (PNG, TIFF, JPEG, WebP)"),
        (PF_BOOL, "selected-only", "Onl_y what is selected in them", False, None, "A reference counts only where its own image's selection covers it"),
        (PF_RADIO, "output", "Out_put", NEW_LAYER, OUTPUTS, "Where the recoloured picture goes"),
        *_sliders(),
    ],
    [(PF_LAYER, "layer", "The recoloured layer, or the group of them"), (PF_STRING, "used", "How much of it each reference coloured")],
    run.recolour,
    menu="<Image>/Filters",
    dialog=run.ask,
    after=run.show,
)
main()
