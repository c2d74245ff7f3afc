"""``nct transfer``: recolors one picture."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from typing import TYPE_CHECKING

from ..contract.errors import InputError
from ..contract.params import TABLE_SIDE, TransferParams
from .arguments import given_params
from .guides import collect
from .pictures import check_outputs, srgb, temporary, to_output
from .terminal import ProgressBar, signals

if TYPE_CHECKING:
    from ..result import TransferResult
    from ..transform.color_table import ColorTable

logger = logging.getLogger(__name__)


def main(options: argparse.Namespace, warnings: list[str]) -> int:
    """Runs ``nct transfer``; ``warnings`` are those that were shown, for the report."""
    return to_output(options, lambda shown: _to_file(options, warnings, shown))


def _to_file(options: argparse.Namespace, warnings: list[str], shown: bool) -> int:
    params = given_params(options, TransferParams)
    _check_outputs(options)
    result, size, table = _compute(options, params)
    for note in result.notes:
        logger.warning("%s", note)
    from ..runtime.memory import peak_mib

    report = {
        "output": str(options.output),
        "size": size,
        "backbone": result.backbone,
        "device": result.device,
        "shares": [round(share, 4) for share in result.shares],
        "seconds": round(result.seconds, 3),
        "peak_memory_mib": peak_mib(),
        "warnings": warnings,
    }
    if table is not None:
        report["table"] = {"points": len(table.values), "mean": round(table.mean, 3), "percentile95": round(table.percentile95, 3)}
    if options.json:
        print(json.dumps(report))
    elif shown:
        print(f"{options.output}: {size[0]} x {size[1]}, {result.backbone} on {result.device}, {result.seconds:.1f} s{_used(options, result)}")
        if table is not None:
            print(f"{options.cube or options.hald}: {_accuracy(table)}")
    return 0


def _accuracy(table: ColorTable) -> str:
    return (
        f"{len(table.values)} points per channel; differs from the result by CIEDE2000 {table.mean:.2f} on average, {table.percentile95:.2f} at most for 95 %"
    )


def _used(options: argparse.Namespace, result: TransferResult) -> str:
    """The share of each reference in words; empty with one reference."""
    if len(result.shares) == 1:
        return ""
    return "; " + ", ".join(f"{path.name} {100 * share:.0f} %" for path, share in zip(options.references, result.shares))


def _check_outputs(options: argparse.Namespace) -> None:
    from ..files.picture import FORMATS
    from ..files.replace import check_folder

    suffixes = {"correspondences": (".npy",), "confidence": (".png",), "labels": (".png",), "save": (".nct",), "cube": (".cube",), "hald": (".png",)}
    wanted = [(options.output, tuple(FORMATS)), *((getattr(options, name), allowed) for name, allowed in suffixes.items())]
    check_outputs(wanted, (options.source, *options.references), f"--output, --{', --'.join(suffixes)}")
    if options.cube_size is not None and options.cube is None and options.hald is None:
        raise InputError("expected --cube or --hald beside --cube-size, got neither; say where to write the table")
    if options.maps is not None:
        check_folder(options.maps)


def _compute(options: argparse.Namespace, params: TransferParams) -> tuple[TransferResult, tuple[int, int], ColorTable | None]:
    """Reads, transfers and writes; returns the result, (width, height) and the table that was asked for."""
    import numpy as np

    from ..features import weights
    from ..files.color_space import from_srgb
    from ..files.picture import Picture
    from ..files.read import read_picture
    from ..files.write import check_storable, save_picture, storable_dtype
    from ..pixels.check import color_channels

    weights.find(options.weights)
    source = read_picture(options.source)
    dtype = storable_dtype(options.output, source.pixels.dtype)
    check_storable(options.output, source.pixels.shape, dtype)
    references = [srgb(path, read_picture(path)) for path in options.references]
    inputs = srgb(options.source, source)
    guides = collect(options)
    if color_channels(inputs.shape[2]) == 1 < max(color_channels(reference.shape[2]) for reference in references):
        logger.warning("%s is gray and stays gray; save it as RGB first to give it colors", options.source)

    bar = ProgressBar(show=sys.stderr.isatty() and not options.quiet)
    bar(0.0, "Starting")
    try:
        with signals.deferred():
            from ..pipeline import transfer
            from ..runtime.backend import out_of_memory_as_error
            from ..views.level_maps import MapWriter

        observer = None if options.maps is None else MapWriter(options.maps)
        with out_of_memory_as_error("the pictures"):
            result = transfer(
                inputs, references, params, guides=guides, device=options.device, weights_path=options.weights, progress=bar, observer=observer,
                names=[str(path) for path in (options.source, *options.references)],
            )  # fmt: skip
    finally:
        bar.clear()
    kept = params.strength == 0.0 and dtype == source.pixels.dtype  # the source's exact bits, which a conversion and its inverse would round
    if options.correspondences and result.shares[0] == 0.0:
        logger.warning("%s gave no color, and --correspondences are its matches; name another reference first", options.references[0])
    pixels = source.pixels if kept else from_srgb(result.image, source.icc_profile, dtype)
    table = result.color_table(inputs, options.cube_size or TABLE_SIDE) if options.cube or options.hald else None
    with contextlib.ExitStack() as files:  # an error, even with the last file, leaves no file: all are renamed at the end
        save_picture(temporary(files, options.output), Picture(pixels, source.icc_profile, source.metadata, source.resolution))
        if options.correspondences:
            with open(temporary(files, options.correspondences), "wb") as file:
                np.save(file, result.correspondences)
        if options.confidence:
            sure = from_srgb(result.confidence[..., None], None, np.uint8)
            save_picture(temporary(files, options.confidence), Picture(sure))
        if options.labels:
            from ..views import label_sheet

            sheet = label_sheet.draw(result, inputs, references, [path.name for path in options.references])
            save_picture(temporary(files, options.labels), Picture(sheet))
        if options.save:
            result.save(temporary(files, options.save))
        if table is not None and options.cube:
            from ..files.color_table import save_cube

            save_cube(temporary(files, options.cube), table.values, options.cube.stem)
        if table is not None and options.hald:
            from ..files.color_table import save_hald

            save_hald(temporary(files, options.hald), table.values)
        signals.check()
    return result, (pixels.shape[1], pixels.shape[0]), table
