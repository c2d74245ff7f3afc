#!/usr/bin/env python3
"""Filters ▸ Neural Color Transfer…: recolors a layer with the colors of other layers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi
from gimpfu import (
    PF_BOOL,
    PF_DRAWABLE,
    PF_DRAWABLES,
    PF_IMAGE,
    PF_LAYER,
    PF_PATHS,
    PF_RADIO,
    PF_STRING,
    CancelError,
    error,
    main,
    register,
)
from nct_shared.errors import NctError
from nct_shared.params import describe
from nct_shared.texts import Text
from pixels.choices import NEW_LAYER, TransferChoices
from ui.labels import DEVICE, OUTPUT, OUTPUTS, SELECTED_ONLY, TITLE
from ui.language import _, in_words, sentence
from ui.sliders import sliders

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

if TYPE_CHECKING:
    from worker.session import WorkerSession

SETTINGS = Path(__file__).with_name("worker.json")


class TransferFailed(error):
    """A transfer that ended with an error.

    Attributes:
        text: what happened and what to do.
        detail: a traceback; "" if only the log says more.
        log: path of the log; "" if there is none.
    """

    def __init__(self, text: Text, detail: str, log: str) -> None:
        super().__init__(f"{sentence(text)} (log: {log})" if log else sentence(text))
        self.text, self.detail, self.log = text, detail, log


class Run:
    """One call of the procedure: dialog, transfer, and what is shown after it."""

    def __init__(self) -> None:
        self._session: WorkerSession | None = None  # of the dialog's preview
        self._notes: Sequence[str] = ()

    def ask(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, source: Gimp.Drawable) -> bool:
        """Shows the dialog; returns whether to run the transfer."""
        from ui import dialog  # loads GTK, which a call without a dialog does not need

        confirmed, self._session = dialog.ask(procedure, config, source, SETTINGS)
        return confirmed

    def recolor(
        self,
        image: Gimp.Image,
        source: Gimp.Layer,
        drawables: Sequence[Gimp.Drawable],
        files: Sequence[str],
        selected_only: bool,
        output: str,
        device: str,
        *values: Any,
    ) -> tuple[Gimp.Layer, str]:
        """Recolors a copy of ``source`` and puts it where ``output`` says; ``values`` are the parameters in the order of :func:`describe`.

        Returns:
            The new layer (or group of layers), and in words how much of it each reference colored, with what else the user should know.

        Raises:
            TransferFailed: the transfer failed.
            CancelError: the user canceled it.
        """
        from pixels import references
        from worker.client import WorkerError, WorkerSettings
        from worker.session import with_worker

        log = ""
        try:
            settings = WorkerSettings.read(SETTINGS)
            log = settings.log
            gathered = references.gather(drawables, files)
            references.check(source, gathered)
            params = {parameter.name: value for parameter, value in zip(describe(), values)}
            choices = TransferChoices(gathered, selected_only, output, device or "auto", params)
            Gimp.progress_init(_("Starting"))
            layer, used, self._notes = with_worker(settings, self._session, lambda session: _recolor(session, source, choices))
            return layer, ". ".join([used, *self._notes])
        except WorkerError as problem:
            if problem.code == "canceled":
                raise CancelError from problem
            raise TransferFailed(problem.text, problem.detail, log) from problem
        except NctError as problem:
            raise TransferFailed(problem.text, f"{type(problem).__name__}: {problem}", log) from problem
        except Exception as problem:
            with contextlib.suppress(OSError), open(log, "a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise TransferFailed(Text("plugin_failed", type(problem).__name__, str(problem)), traceback.format_exc(), log) from problem

    def show_failure(self, problem: Exception) -> None:
        """Shows the error that ended an interactive call."""
        from ui import trouble  # loads GTK

        Gimp.progress_end()
        if isinstance(problem, TransferFailed):
            trouble.show(TITLE, in_words(problem.text), problem.detail, problem.log)
            return
        message = _(problem.template).format(*problem.arguments) if isinstance(problem, error) else str(problem)
        trouble.show(TITLE, message, "".join(traceback.format_exception(type(problem), problem, problem.__traceback__)), "")

    def show_result(self, image: Gimp.Image, source: Gimp.Layer, layer: Gimp.Layer, used: str) -> None:
        """Opens a window for a new image, and says what the user should know about the result."""
        if layer.get_image().get_id() != image.get_id():
            Gimp.Display.new(layer.get_image())
        if self._notes:
            Gimp.message("\n".join(f"{note}." for note in self._notes))


def _recolor(session: WorkerSession, source: Gimp.Layer, choices: TransferChoices) -> tuple[Gimp.Layer, str, list[str]]:
    from pixels import outputs
    from pixels.names import picture_name
    from ui import progress, shares
    from worker.transfer import transfer

    prefix = _("Recolored: {}")
    name = prefix.format(picture_name(source.get_name()).removeprefix(prefix.format("")))
    result = transfer(session, source, choices, progress.show)
    layer = outputs.insert(source, name, choices, result)
    Gimp.progress_end()
    used = shares.summary([reference.name for reference in choices.references], result.shares)
    return layer, used, [in_words(note) for note in result.notes]


run = Run()
register(
    "neural-color-transfer",
    _("Gives a layer the colors of other layers, matched by what the pictures show"),
    _(
        "Finds for each part of the selected layer the part of the references (layers of any open images, or files) with the most similar content, and "
        "recolors a copy of the layer with its colors."
    ),
    "The Neural Color Transfer authors",
    "The Neural Color Transfer authors, GPL-3.0-or-later",
    "2026",
    _("_Neural Color Transfer…"),
    "RGB*, GRAY*",
    [
        (PF_IMAGE, "image", _("Image"), None),
        (PF_DRAWABLE, "source", _("Layer to recolor"), None),
        (PF_DRAWABLES, "references", _("Reference layers"), None, None, _("Layers of any open images to take colors from")),
        (PF_PATHS, "reference-files", _("Reference files"), None, None, _("Paths of pictures to take colors from (PNG, TIFF, JPEG, WebP)")),
        (PF_BOOL, "selected-only", SELECTED_ONLY, False, None, _("A reference layer counts only inside the selection of its own image")),
        (PF_RADIO, "output", OUTPUT, NEW_LAYER, OUTPUTS, _("Where to put the recolored picture")),
        (PF_STRING, "device", DEVICE, "auto", None, _("The device that computes: auto, cpu, cuda, cuda:N or mps")),
        *sliders(),
    ],
    [
        (PF_LAYER, "layer", _("The recolored layer, or the group of recolored layers")),
        (PF_STRING, "used", _("How much of the layer each reference colored, and what else is to be known")),
    ],
    run.recolor,
    menu="<Image>/Filters",
    dialog=run.ask,
    after=run.show_result,
    failed=run.show_failure,
)
main()
