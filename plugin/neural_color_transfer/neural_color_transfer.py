#!/usr/bin/env python3
"""Filters ▸ Neural Color Transfer…: a layer takes on the colors of other layers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi
from choices import NEW_LAYER, OUTPUT, OUTPUTS, SELECTED_ONLY, TITLE
from gimpfu_compat import (
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
from language import _, sentence, translated
from nct_shared.errors import NctError
from nct_shared.params import describe
from sliders import sliders

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

if TYPE_CHECKING:
    from plans import Prepared
    from references import Reference

SETTINGS = Path(__file__).with_name("worker.json")


class Failure(error):
    """A run that failed.

    Attributes:
        message: one sentence that says what to do.
        detail: for who wants to know more; empty where only the log says more.
        log: the log's path; "" where there is none.
    """

    def __init__(self, message: str, detail: str, log: str) -> None:
        super().__init__(f"{sentence(message)} (log: {log})" if log else sentence(message))
        self.message, self.detail, self.log = message, detail, log


class Run:
    """One run of the procedure: asked for, done, shown."""

    def __init__(self) -> None:
        self._prepared: Prepared | None = None  # by the dialog's preview
        self._choice = False  # between several references

    def ask(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, source: Gimp.Drawable) -> bool:
        """Shows the dialog; returns whether to go on."""
        import dialog  # GTK, which a run without a dialog does not need

        confirmed, self._prepared = dialog.ask(procedure, config, source, SETTINGS)
        return confirmed

    def recolor(
        self, image: Gimp.Image, source: Gimp.Layer, drawables: Sequence[Gimp.Drawable], files: Sequence[str], selected_only: bool, output: str, *values: Any
    ) -> tuple[Gimp.Layer, str]:
        """Recolors a copy of ``source`` and puts it where ``output`` says; ``values`` are those of :func:`describe`, in order.

        Returns:
            The new layer (or group of layers), and how much of it each reference colored, in words.
        """
        import references
        from plans import Prepared
        from worker_client import Settings, Worker, WorkerError

        log = ""
        try:
            settings = Settings.read(SETTINGS)
            log = settings.log
            gathered = references.gather(drawables, files)
            references.check(source, gathered)
            self._choice = len(gathered) > 1
            params = {parameter.name: value for parameter, value in zip(describe(), values)}
            Gimp.progress_init(_("Starting"))
            prepared = self._prepared or Prepared(Worker(settings))
            with prepared.worker as worker:
                if prepared is not self._prepared:
                    worker.hello()
                return _transfer(prepared, source, gathered, selected_only, output, params)
        except WorkerError as problem:
            if problem.code == "canceled":
                raise CancelError from problem
            raise Failure(str(problem), problem.detail, log) from problem
        except (ValueError, NctError) as problem:
            raise Failure(str(problem), f"{type(problem).__name__}: {problem}", log) from problem
        except Exception as problem:
            with contextlib.suppress(OSError), open(log, "a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise Failure(f"the plug-in failed unexpectedly ({type(problem).__name__}: {problem})", traceback.format_exc(), log) from problem

    def failed(self, problem: Exception) -> None:
        """Tells of what ended a run that somebody watches."""
        import trouble  # GTK again

        Gimp.progress_end()
        if isinstance(problem, Failure):
            trouble.show(TITLE, translated(problem.message), problem.detail, problem.log)
        else:
            trouble.show(TITLE, translated(str(problem)), "".join(traceback.format_exception(type(problem), problem, problem.__traceback__)), "")

    def show(self, image: Gimp.Image, source: Gimp.Layer, layer: Gimp.Layer, used: str) -> None:
        """Shows a new image, and says what was used where there was a choice."""
        if layer.get_image().get_id() != image.get_id():
            Gimp.Display.new(layer.get_image())
        if self._choice:
            Gimp.message(used)


def _transfer(
    prepared: Prepared, source: Gimp.Layer, gathered: Sequence[Reference], selected_only: bool, output: str, params: dict[str, Any]
) -> tuple[Gimp.Layer, str]:
    import outputs
    import progress
    import references
    import sending

    sent, result = sending.transfer(prepared, source, gathered, selected_only, params, progress.tell)
    layer = outputs.make(output, source, sent, gathered, params, prepared.worker, result)
    Gimp.progress_end()
    return layer, references.account(gathered, result["shares"])


run = Run()
register(
    "neural-color-transfer",
    _("Gives a layer the colors of other layers, matched by what the pictures show"),
    _(
        "Finds for every part of the selected layer the part of the references (layers of any open images, or files) that shows the like, and recolors "
        "a copy of the layer so."
    ),
    "The Neural Color Transfer authors",
    "The Neural Color Transfer authors, GPL-3.0-or-later",
    "2026",
    _("_Neural Color Transfer…"),
    "RGB*, GRAY*",
    [
        (PF_IMAGE, "image", _("Image"), None),
        (PF_DRAWABLE, "source", _("Layer to recolor"), None),
        (PF_DRAWABLES, "references", _("Reference layers"), None, None, _("Layers of any open images whose colors are wanted")),
        (PF_PATHS, "reference-files", _("Reference files"), None, None, _("Paths of pictures whose colors are wanted (PNG, TIFF, JPEG, WebP)")),
        (PF_BOOL, "selected-only", SELECTED_ONLY, False, None, _("A reference counts only where its own image's selection covers it")),
        (PF_RADIO, "output", OUTPUT, NEW_LAYER, OUTPUTS, _("Where the recolored picture goes")),
        *sliders(),
    ],
    [
        (PF_LAYER, "layer", _("The recolored layer, or the group of them")),
        (PF_STRING, "used", _("How much of it each reference colored")),
    ],
    run.recolor,
    menu="<Image>/Filters",
    dialog=run.ask,
    after=run.show,
    failed=run.failed,
)
main()
