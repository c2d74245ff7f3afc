"""``nct series``: recolors many pictures with the same references."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..features import weights
from ..files.read import read_picture
from .arguments import given_params
from .pictures import srgb
from .plan import plan
from .terminal import signals

if TYPE_CHECKING:
    import numpy as np

    from ..runtime.progress import Progress
    from .batch import Recolored


def main(options: argparse.Namespace, warnings: list[str]) -> int:
    """Runs ``nct series``; ``warnings`` are those that were shown, for the report."""
    params = given_params(options)
    tasks = plan(options.sources, options.output, options.name, options.references)
    if options.shard is not None:
        part, parts = options.shard
        tasks = tasks[part - 1 :: parts]
    weights.find(options.weights)
    references = [srgb(path, read_picture(path)) for path in options.references]
    with signals.deferred():
        from ..session import Session
        from . import batch

    names = [str(path) for path in options.references]
    session = Session(references, params, device=options.device, weights_path=options.weights, names=names)

    def recolor(path: Path, pixels: np.ndarray, progress: Progress) -> Recolored:
        result = session.transfer(pixels, name=str(path), progress=progress)
        return batch.Recolored(None if params.strength == 0.0 else result.image, _used(names, result.shares))

    return batch.run(tasks, recolor, options, warnings)


def _used(names: list[str], shares: list[float]) -> str:
    """The share of each reference that was used, in words; empty with one reference."""
    if len(shares) == 1:
        return ""
    return ", ".join(f"{Path(name).name} {100 * share:.0f} %" for name, share in zip(names, shares) if share > 0) + ", "
