"""``nct analogy``: a picture in the texture and colors of another, and the way back."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.analogy_params import AnalogyParams
from .arguments import given_params
from .pictures import check_outputs, srgb, temporary, to_output
from .terminal import ProgressBar, signals

if TYPE_CHECKING:
    import numpy as np

    from ..analogies.result import AnalogyResult
    from ..files.picture import Picture

logger = logging.getLogger(__name__)


def main(options: argparse.Namespace, warnings: list[str]) -> int:
    """Runs ``nct analogy``; ``warnings`` are those that were shown, for the report."""
    return to_output(options, lambda shown: _to_file(options, warnings, shown))


def _to_file(options: argparse.Namespace, warnings: list[str], shown: bool) -> int:
    params = given_params(options, AnalogyParams)
    _check_outputs(options)
    result = _compute(options, params)
    from ..runtime.memory import peak_mib

    height, width = result.image.shape[:2]
    if options.json:
        report = {
            "output": str(options.output), "size": (width, height), "backbone": result.backbone, "device": result.device, "seconds": round(result.seconds, 3),
            "peak_memory_mib": peak_mib(), "warnings": warnings,
        }  # fmt: skip
        print(json.dumps(report))
    elif shown:
        print(f"{options.output}: {width} x {height}, {result.backbone} on {result.device}, {result.seconds:.1f} s")
    return 0


def _check_outputs(options: argparse.Namespace) -> None:
    from ..files.picture import FORMATS

    pictures = tuple(FORMATS)
    wanted = [(options.output, pictures), (options.back, pictures), (options.correspondences, (".npy",))]
    check_outputs(wanted, (options.source, options.style), "--output, --back and --correspondences")


def _compute(options: argparse.Namespace, params: AnalogyParams) -> AnalogyResult:
    """Reads, computes and writes."""
    import numpy as np

    from ..features import weights
    from ..files.read import read_picture
    from ..files.write import check_storable, storable_dtype
    from ..pixels.check import color_channels

    weights.find(options.weights)
    source, style = read_picture(options.source), read_picture(options.style)
    for path, picture in ((options.output, source), (options.back, style)):
        if path is not None:
            check_storable(path, picture.pixels.shape, storable_dtype(path, picture.pixels.dtype))
    inputs = srgb(options.source, source), srgb(options.style, style)
    drawn = [(options.source, *inputs), (options.style, *reversed(inputs))][: 2 if options.back else 1]
    for path, own, other in drawn:
        if color_channels(own.shape[2]) == 1 < color_channels(other.shape[2]):
            logger.warning("%s is gray and stays gray; save it as RGB first to give it colors", path)
    bar = ProgressBar(show=sys.stderr.isatty() and not options.quiet)
    bar(0.0, "Starting")
    try:
        with signals.deferred():
            from ..analogies.pipeline import analogy
            from ..runtime.backend import out_of_memory_as_error

        with out_of_memory_as_error("the pictures"):
            result = analogy(
                *inputs,
                params,
                device=options.device,
                weights_path=options.weights,
                progress=bar,
                names=[str(path) for path in (options.source, options.style)],
            )
    finally:
        bar.clear()
    with contextlib.ExitStack() as files:  # an error, even with the last file, leaves no file: all are renamed at the end
        _save(files, options.output, result.image, source)
        if options.back:
            _save(files, options.back, result.back, style)
        if options.correspondences:
            with open(temporary(files, options.correspondences), "wb") as file:
                np.save(file, result.correspondences)
        signals.check()
    return result


def _save(files: contextlib.ExitStack, path: Path, image: np.ndarray, like: Picture) -> None:
    """Writes a picture with the profile, the metadata and, where the format can hold it, the bit depth of the one from which it was drawn."""
    from ..files.color_space import from_srgb
    from ..files.picture import Picture
    from ..files.write import save_picture, storable_dtype

    pixels = from_srgb(image, like.icc_profile, storable_dtype(path, like.pixels.dtype))
    save_picture(temporary(files, path), Picture(pixels, like.icc_profile, like.metadata, like.resolution))
