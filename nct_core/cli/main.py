"""The ``nct`` command.

Exit codes: 0 done, 1 an unexpected error, 2 wrong arguments or input (one line on standard error), 130 interrupted.
Everything that can be checked without the network is checked before torch is loaded, which takes seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..contract.errors import NctError
from ..contract.params import TransferParams
from .arguments import given_parameters, parse
from .files import check_outputs, srgb, temporary
from .terminal import ProgressBar, ShownWarnings, interruption_deferred

if TYPE_CHECKING:
    from ..result import TransferResult

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the program's name; None takes them from ``sys.argv``.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = _run(arguments, debug)
    try:
        print(printed.getvalue(), end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        if not isinstance(error, BrokenPipeError):  # the reader has closed the pipe
            return _fail(f"expected to print on standard output, got {error.strerror or error}; files that were asked for are written", 2, debug)
    return code


def _run(arguments: Sequence[str], debug: bool) -> int:
    try:
        options = parse(arguments, transfer=_transfer, analogy=_analogy, doctor=_doctor)
        return int(options.run(options))
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except NctError as error:
        return _fail(str(error), 2, debug)
    except MemoryError as error:
        return _fail(f"expected enough memory for the pictures, but the machine has no more ({error}); use smaller pictures", 2, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", 130, debug)
    except Exception as error:
        return _fail(f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1, debug)


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print("nct: error:", " ".join(message.split()), file=sys.stderr)
    return code


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    return doctor.main(options.json)


def _analogy(options: argparse.Namespace) -> int:
    from . import analogy

    return analogy.main(options)


def _transfer(options: argparse.Namespace) -> int:
    params = TransferParams.from_mapping(given_parameters(options))
    warnings = ShownWarnings(show=not options.quiet)
    log = logging.getLogger("nct_core")
    log.addHandler(warnings)
    logging.getLogger("pyvips").addHandler(logging.NullHandler())  # libvips' messages are in its exceptions
    try:
        _check_outputs(options)
        result, size = _compute(options, params)
    finally:
        log.removeHandler(warnings)
    from ..runtime.memory import peak_mib

    report = {
        "output": str(options.output),
        "size": size,
        "backbone": result.backbone,
        "device": result.device,
        "shares": [round(share, 4) for share in result.shares],
        "seconds": round(result.seconds, 3),
        "peak_memory_mib": peak_mib(),
        "warnings": warnings.messages,
    }
    if options.json:
        print(json.dumps(report))
    elif not options.quiet:
        print(f"{options.output}: {size[0]} x {size[1]}, {result.backbone} on {result.device}, {result.seconds:.1f} s{_used(options, result)}")
    return 0


def _used(options: argparse.Namespace, result: TransferResult) -> str:
    """The share of each reference in words; empty with one reference."""
    if len(result.shares) == 1:
        return ""
    return "; " + ", ".join(f"{path.name} {100 * share:.0f} %" for path, share in zip(options.references, result.shares))


def _check_outputs(options: argparse.Namespace) -> None:
    from ..files.picture import FORMATS
    from ..files.replace import check_folder

    wanted = [(options.output, tuple(FORMATS)), (options.correspondences, (".npy",)), (options.confidence, (".png",)), (options.labels, (".png",))]
    check_outputs(wanted, (options.source, *options.references), "--output, --correspondences, --confidence and --labels")
    if options.maps is not None:
        check_folder(options.maps)


def _compute(options: argparse.Namespace, params: TransferParams) -> tuple[TransferResult, tuple[int, int]]:
    """Reads, transfers and writes; returns the result and (width, height)."""
    import numpy as np

    from ..features import weights
    from ..files.color_space import from_srgb
    from ..files.picture import Picture
    from ..files.read import read_picture
    from ..files.write import check_storable, save_picture, storable_dtype

    weights.find(options.weights)
    source = read_picture(options.source)
    dtype = storable_dtype(options.output, source.pixels.dtype)
    check_storable(options.output, source.pixels.shape, dtype)
    references = [srgb(path, read_picture(path)) for path in options.references]
    inputs = srgb(options.source, source)

    bar = ProgressBar(show=sys.stderr.isatty() and not options.quiet)
    bar(0.0, "Starting")
    try:
        with interruption_deferred():
            from ..pipeline import transfer
            from ..runtime.backend import out_of_memory_as_error
            from ..views.level_maps import MapWriter

        observer = None if options.maps is None else MapWriter(options.maps)
        with out_of_memory_as_error("the pictures"):
            result = transfer(
                inputs, references, params, device=options.device, weights_path=options.weights, progress=bar, observer=observer,
                names=[str(path) for path in (options.source, *options.references)],
            )  # fmt: skip
    finally:
        bar.clear()
    kept = params.strength == 0.0 and dtype == source.pixels.dtype  # the source's exact bits, which a conversion and its inverse would round
    if options.correspondences and result.shares[0] == 0.0:
        logger.warning("%s gave no color, and --correspondences are its matches; name another reference first", options.references[0])
    pixels = source.pixels if kept else from_srgb(result.image, source.icc_profile, dtype)
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
    return result, (pixels.shape[1], pixels.shape[0])
