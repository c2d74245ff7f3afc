"""``nct apply``: puts a saved transfer on pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError
from ..files.picture import FORMATS
from ..files.replace import check_writable
from .pictures import same_file
from .plan import Task, plan
from .terminal import signals

if TYPE_CHECKING:
    import numpy as np

    from ..runtime.progress import Progress
    from .batch import Recolored


def main(options: argparse.Namespace, warnings: list[str]) -> int:
    """Runs ``nct apply``; ``warnings`` are those that were shown, for the report."""
    tasks = _tasks(options)
    with signals.deferred():
        from ..transform.apply import ColorTransform
        from . import batch

    transform = ColorTransform.load(options.look)
    assert transform.made is not None
    given = (options.parameter_strength, options.parameter_keep_lightness)
    saved = (transform.made.params.strength, transform.made.params.keep_lightness)
    strength, keep_lightness = (value if at is None else at for at, value in zip(given, saved))

    def recolor(_task: Task, pixels: np.ndarray, progress: Progress) -> Recolored:
        same = transform.shows(pixels)
        chosen = transform if same else transform.for_other(pixels)
        image = chosen.apply(pixels, strength, keep_lightness, advance=lambda done: progress(done, "Applying"))
        return batch.Recolored(None if strength == 0.0 else image, "the same picture, " if same else "another picture: the look, ")

    return batch.run(tasks, recolor, options, warnings)


def _tasks(options: argparse.Namespace) -> list[Task]:
    """One picture to one file, or many into a folder."""
    output: Path = options.output
    (first, *others), one_file = options.sources, output.suffix.lower() in FORMATS and not output.is_dir()
    if not one_file:
        return plan(options.sources, output, options.name, [options.look])
    if others or first.is_dir():
        raise InputError(f"{output}: expected a folder for the results of several pictures, got the name of a file; give a folder to -o")
    check_writable(output, tuple(FORMATS))
    if same_file(output, first):
        raise InputError(f"{output}: expected an output file other than the picture, got {first} itself")
    options.again = True  # a file that is named is replaced, as by nct transfer
    return [Task(1, first, output)]
