#!/usr/bin/env python3
"""Filters ▸ Neural Color Transfer…: a layer takes on the colours of other layers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gi
from gimpfu_compat import PF_DRAWABLE, PF_DRAWABLES, PF_IMAGE, PF_LAYER, PF_SLIDER, PF_SPINNER, CancelError, fail, main, register
from nct_shared.errors import NctError
from nct_shared.params import describe

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

SETTINGS = Path(__file__).with_name("worker.json")


def neural_color_transfer(image: Gimp.Image, source: Gimp.Layer, references: Sequence[Gimp.Drawable], *values: Any) -> Gimp.Layer:
    """Recolours a copy of ``source`` and puts it above; ``values`` are those of :func:`describe`, in order."""
    from worker_client import Settings, WorkerError

    log = ""
    try:
        settings = Settings.read(SETTINGS)
        log = settings.log
        check_choice(source, references)
        return _transfer(settings, source, references, {parameter.name: value for parameter, value in zip(describe(), values)})
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


def check_choice(source: Gimp.Drawable, references: Sequence[Gimp.Drawable]) -> None:
    """Tells whether these layers can be worked on.

    Raises:
        ValueError: they cannot; the message says why.
    """
    if not source.is_layer():
        raise ValueError(f"expected a layer, got the mask or channel '{source.get_name()}'; select a layer")
    if not references:
        raise ValueError("expected at least one reference layer, got none; choose the layer whose colours are wanted")
    for drawable in (source, *references):
        if not drawable.is_valid():
            raise ValueError("expected reference layers of open images, got one that is gone; choose another")
        if drawable.is_indexed():
            raise ValueError(f"expected RGB or greyscale, got '{drawable.get_name()}' of an indexed image; convert it with Image > Mode > RGB")
    if any(reference.get_id() == source.get_id() for reference in references):
        raise ValueError(f"expected references other than the source, got the layer '{source.get_name()}' as both; choose another reference")


def _transfer(settings: Any, source: Gimp.Layer, references: Sequence[Gimp.Drawable], params: dict[str, Any]) -> Gimp.Layer:
    import layers
    from worker_client import Worker

    def progress(fraction: float, stage: str) -> None:
        Gimp.progress_set_text(stage)
        Gimp.progress_update(fraction)

    Gimp.progress_init("Starting")
    with Worker(settings) as worker:
        worker.hello()
        for drawable, role in ((source, "source"), *((reference, "reference") for reference in references)):
            worker.send_image(str(drawable.get_id()), role, layers.layout_of(drawable), layers.icc_profile(drawable), layers.read(drawable))
        job = worker.transfer(str(source.get_id()), [str(reference.get_id()) for reference in references], params)
        result = worker.wait(job, progress)
        layer = layers.new_layer_like(source, f"{source.get_name()} (neural color transfer)", worker.bands(result))
    layers.insert_above(source, layer)
    Gimp.progress_end()
    return layer


def _ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, source: Gimp.Drawable) -> bool:
    import dialog  # GTK, which a run without a dialog does not need

    return dialog.ask(procedure, config, image, source)


def _sliders() -> list[tuple[Any, ...]]:
    """Every parameter as a slider, with its own mnemonic and, as tooltip, its effect (without the source in parentheses)."""
    sliders, taken = [], set("nrocsl")  # those of GIMP's own buttons
    for parameter in describe():
        label = parameter.label if parameter.unit in ("-", "fraction", "weight", "count") else f"{parameter.label} ({parameter.unit})"
        letter = next((letter for letter in label.lower() if letter.isalpha() and letter not in taken), label[0].lower())
        taken.add(letter)
        at = label.lower().index(letter)
        effect = parameter.effect.rpartition(" (")[0]
        kind, step = (PF_SPINNER, 1) if parameter.integer else (PF_SLIDER, 0.01)
        extra = (parameter.low, parameter.high, step)
        sliders.append((kind, parameter.name, f"{label[:at]}_{label[at:]}", parameter.default, extra, f"{effect[:1].upper()}{effect[1:]}"))
    return sliders


register(
    "neural-color-transfer",
    "Gives a layer the colours of other layers, matched by what the pictures show",
    "Finds for every part of the selected layer the part of the reference layers that shows the like, and recolours a copy of the layer so.",
    "The Neural Color Transfer authors",
    "The Neural Color Transfer authors, GPL-3.0-or-later",
    "2026",
    "_Neural Color Transfer…",
    "RGB*, GRAY*",
    [
        (PF_IMAGE, "image", "Image", None),
        (PF_DRAWABLE, "source", "Layer to recolour", None),
        (PF_DRAWABLES, "references", "References", None, None, "Layers of any open image whose colours are wanted"),
        *_sliders(),
    ],
    [(PF_LAYER, "layer", "The recoloured layer")],
    neural_color_transfer,
    menu="<Image>/Filters",
    dialog=_ask,
)
main()
