"""``nct series``: recolors many pictures with the same references."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError
from ..contract.params import TransferParams
from ..features import weights
from ..files.read import read_picture
from .arguments import given_params
from .pictures import srgb
from .plan import Task, plan
from .terminal import signals

if TYPE_CHECKING:
    import numpy as np

    from ..runtime.progress import Progress
    from .batch import Recolored


def main(options: argparse.Namespace, warnings: list[str]) -> int:
    """Runs ``nct series``; ``warnings`` are those that were shown, for the report."""
    params = given_params(options, TransferParams)
    if options.frames and options.shard is not None:
        raise InputError("expected --frames without --shard, got both; every frame builds on the one before, so give a machine a whole clip")
    tasks = plan(options.sources, options.output, options.name, options.references)
    if options.shard is not None:
        part, parts = options.shard
        tasks = tasks[part - 1 :: parts]
    weights.find(options.weights)
    references = [srgb(path, read_picture(path)) for path in options.references]
    with signals.deferred():
        from ..session import Session
        from . import batch
        from .frames import Frames

    names = [str(path) for path in options.references]
    session = Session(references, params, device=options.device, weights_path=options.weights, names=names)
    frames = Frames(options.output) if options.frames else None

    def recolor(task: Task, pixels: np.ndarray, progress: Progress) -> Recolored:
        result = session.transfer(pixels, name=str(task.source), progress=progress)
        image = result.image
        if frames is not None:
            image = frames.steadied(task.number, result.transform).apply(pixels, params.strength, params.keep_lightness)
        return batch.Recolored(None if params.strength == 0.0 else image, _used(names, result.shares))

    code = batch.run(tasks, recolor, options, warnings)
    if frames is not None:
        frames.end()
    return code


def _used(names: list[str], shares: list[float]) -> str:
    """The share of each reference that was used, in words; empty with one reference."""
    if len(shares) == 1:
        return ""
    return ", ".join(f"{Path(name).name} {100 * share:.0f} %" for name, share in zip(names, shares) if share > 0) + ", "
