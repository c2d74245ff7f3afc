"""The ``nct`` command.

Exit codes: 0 done, 1 an unexpected error, 2 wrong arguments or input (one line on standard error), 130 interrupted.
Everything that can be checked without the network is checked before torch is loaded, which takes seconds.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .errors import InputError, NctError
from .params import Parameter, TransferParams, describe

if TYPE_CHECKING:
    import numpy as np

    from .images import Picture
    from .pipeline import TransferResult

OPTION_NAMES = {"bds_weight": "--bds"}
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the program's name; None takes them from ``sys.argv``.

    Returns:
        The exit code.
    """
    debug = "--debug" in (sys.argv if arguments is None else arguments)
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nct", description="A picture takes on the colours of other pictures, matched by meaning.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"nct {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    transfer = commands.add_parser("transfer", help="recolour a picture", description="Recolour SOURCE with the colours of REFERENCE.", allow_abbrev=False)
    transfer.add_argument("source", metavar="SOURCE", type=Path, help="the picture to recolour: PNG, TIFF, JPEG or WebP")
    transfer.add_argument("references", metavar="REFERENCE", type=Path, nargs="+", help="a picture that has the wanted colours")
    transfer.add_argument("-o", "--output", metavar="OUTPUT", type=Path, required=True, help="where to write the result; the suffix chooses the format")
    transfer.add_argument(
        "--correspondences", metavar="F.npy", type=Path, help="also write each source pixel's match in the first reference: [H, W, (row, column)]"
    )
    transfer.add_argument("--confidence", metavar="F.png", type=Path, help="also write how sure each match is, as an 8-bit grey picture")
    transfer.add_argument("--device", type=_device, default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    transfer.add_argument("--weights", metavar="FILE", help="network weights to use in place of the installed ones")
    transfer.add_argument("--json", action="store_true", help="print one JSON object about the run")
    transfer.add_argument("--quiet", action="store_true", help="print errors only")
    transfer.add_argument("--debug", action="store_true", help="print the traceback of an error")
    group = transfer.add_argument_group("parameters of the method")
    for parameter in describe():
        _add_parameter(group, parameter)
    transfer.set_defaults(run=_transfer)

    doctor = commands.add_parser("doctor", help="check the installation", description="Check the installation.", allow_abbrev=False)
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--debug", action="store_true", help="print the traceback of an error")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_parameter(group: argparse._ArgumentGroup, parameter: Parameter) -> None:
    unit = "" if parameter.unit in ("-", "weight", "count", "fraction") else f" {parameter.unit}"
    text = f"{parameter.effect}; {parameter.low:.10g} to {parameter.high:.10g}{unit}, default {parameter.default:g}"
    flag = OPTION_NAMES.get(parameter.name, "--" + parameter.name.replace("_", "-"))
    kind = int if parameter.integer else float
    group.add_argument(flag, dest=f"parameter_{parameter.name}", type=kind, metavar="N" if parameter.integer else "X", help=text.replace("%", "%%"))


def _device(text: str) -> str:
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    return doctor.main(options.json)


def _transfer(options: argparse.Namespace) -> int:
    given = {name.removeprefix("parameter_"): value for name, value in vars(options).items() if name.startswith("parameter_") and value is not None}
    params = TransferParams.from_mapping(given)
    warnings = _Warnings(show=not options.quiet)
    log = logging.getLogger("nct_core")
    log.addHandler(warnings)
    logging.getLogger("pyvips").addHandler(logging.NullHandler())  # what libvips has to say comes in its exceptions
    try:
        _check_outputs(options)
        result, size = _compute(options, params)
    finally:
        log.removeHandler(warnings)
    report = {
        "output": str(options.output),
        "size": size,
        "backbone": result.backbone,
        "device": result.device,
        "seconds": round(result.seconds, 3),
        "peak_memory_mib": _peak_memory_mib(),
        "warnings": warnings.messages,
    }
    if options.json:
        print(json.dumps(report))
    elif not options.quiet:
        print(f"{options.output}: {size[0]} x {size[1]}, {result.backbone} on {result.device}, {result.seconds:.1f} s")
    return 0


def _check_outputs(options: argparse.Namespace) -> None:
    from . import images, output

    wanted = {options.output: tuple(images.FORMATS), options.correspondences: (".npy",), options.confidence: (".png",)}
    wanted.pop(None, None)
    if len({path.resolve() for path in wanted}) < 1 + sum(path is not None for path in (options.correspondences, options.confidence)):
        raise InputError("expected another file for each of --output, --correspondences and --confidence, got one twice")
    for path, suffixes in wanted.items():
        output.check_writable(path, suffixes)
        for given in (options.source, *options.references):
            if path.exists() and given.exists() and path.samefile(given):
                raise InputError(f"{path}: expected an output file other than the source and the references, got {given} itself")


def _compute(options: argparse.Namespace, params: TransferParams) -> tuple[TransferResult, tuple[int, int]]:
    """Reads, transfers and writes; returns the result and (width, height)."""
    import numpy as np

    from . import images, weights

    weights.find(options.weights)
    source = images.read(options.source)
    references = [images.read(path) for path in options.references]
    dtype = images.storable_dtype(options.output, source.pixels.dtype)
    images.check_storable(options.output, source.pixels.shape, dtype)
    inputs = [_srgb(path, picture) for path, picture in zip((options.source, *options.references), (source, *references))]

    bar = _Bar(show=sys.stderr.isatty() and not options.quiet)
    bar(0.0, "Starting")
    try:
        from .devices import out_of_memory_as_error
        from .pipeline import transfer

        with out_of_memory_as_error("the pictures"):
            result = transfer(inputs[0], inputs[1:], params, device=options.device, weights_path=options.weights, progress=bar)
    finally:
        bar.clear()
    pixels = images.from_srgb(result.image, source.icc_profile, dtype)
    images.write(options.output, images.Picture(pixels, source.icc_profile, source.metadata, source.resolution))
    if options.correspondences:
        _save_array(options.correspondences, result.correspondences)
    if options.confidence:
        images.write(options.confidence, images.Picture(images.from_srgb(result.confidence[..., None], None, np.uint8)))
    return result, (pixels.shape[1], pixels.shape[0])


def _srgb(path: Path, picture: Picture) -> np.ndarray:
    from . import images

    try:
        return images.to_srgb(picture.pixels, picture.icc_profile)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _save_array(path: Path, array: np.ndarray) -> None:
    import numpy as np

    from . import output

    with output.replacing(path.resolve()) as temporary:
        np.save(temporary, array)


def _peak_memory_mib() -> float | None:
    """The most memory this process has held; None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


class _Warnings(logging.Handler):
    """Keeps the library's warnings for the report and shows them."""

    def __init__(self, show: bool) -> None:
        super().__init__(logging.WARNING)
        self.show = show
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.messages.append(message)
        if self.show:
            print("nct: warning:", message, file=sys.stderr)


class _Bar:
    """A progress bar on standard error."""

    WIDTH = 30

    def __init__(self, show: bool) -> None:
        self.show = show

    def __call__(self, fraction: float, stage: str) -> None:
        if self.show:
            done = round(self.WIDTH * fraction)
            print(f"\r\x1b[K[{'#' * done}{'.' * (self.WIDTH - done)}] {fraction:4.0%} {stage}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.show:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
