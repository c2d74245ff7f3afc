"""The arguments of the ``nct`` command; those of the method's parameters are derived from :mod:`nct_core.contract.params`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..contract.analogy_params import AnalogyParams
from ..contract.errors import InputError
from ..contract.params import Parameter, Params, TransferParams, describe

OPTION_NAMES = {"bds_weight": "--bds"}
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*")
DASHED_FILE = re.compile(r"-[^=]*\.[A-Za-z]+")

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def parse(arguments: Sequence[str], *, transfer: Command, analogy: Command, doctor: Command) -> argparse.Namespace:
    """Reads the command line; ``run`` of the result is the command's function, one of those given.

    Values of the method's parameters are named ``parameter_NAME``, None if not given.

    Raises:
        InputError: an argument is unknown, missing or wrong.
        SystemExit: help or the version was asked for, and printed.
    """
    try:
        return _parser(transfer, analogy, doctor).parse_args(arguments)
    except InputError as error:
        dashed = [argument for argument in arguments if DASHED_FILE.fullmatch(argument)]
        hint = f"; a file name that begins with '-' needs './' in front: ./{dashed[0]}" if dashed else ""
        raise InputError(f"{error}{hint}") from error


def _parser(run_transfer: Command, run_analogy: Command, run_doctor: Command) -> argparse.ArgumentParser:
    parser = _Parser(prog="nct", description="A picture takes on the colors of other pictures, matched by meaning.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"nct {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    transfer = commands.add_parser(
        "transfer", help="recolor a picture", description="Recolor SOURCE with the colors of one or more REFERENCEs.", allow_abbrev=False
    )
    transfer.add_argument("source", metavar="SOURCE", type=_file, help="the picture to recolor: PNG, TIFF, JPEG or WebP")
    transfer.add_argument(
        "references", metavar="REFERENCE", type=_file, nargs="+", help="pictures that have the wanted colors; each part takes those that fit best"
    )
    transfer.add_argument("-o", "--output", metavar="OUTPUT", type=_file, required=True, help="where to write the result; the suffix chooses the format")
    transfer.add_argument(
        "--correspondences", metavar="F.npy", type=_file,
        help="also write each source pixel's match in the first reference, used or not: [H, W, (row, column)]",
    )  # fmt: skip
    transfer.add_argument("--labels", metavar="F.png", type=_file, help="also write which reference colored what, as a picture with a legend")
    transfer.add_argument(
        "--maps", metavar="DIR", type=_file,
        help="also write the maps of every level, 1 to 5, into this folder: LEVEL-field-N.png (reference N drawn by its matches), LEVEL-guidance.png, "
        "LEVEL-confidence.png, LEVEL-labels.png, LEVEL-slope.png (change of contrast), LEVEL-result.png",
    )  # fmt: skip
    transfer.add_argument("--confidence", metavar="F.png", type=_file, help="also write how sure each match is, as an 8-bit gray picture")
    _add_common(transfer, TransferParams)
    transfer.set_defaults(run=run_transfer)

    analogy = commands.add_parser(
        "analogy", help="draw a picture in the texture and colors of another", description="Draw SOURCE in the texture and colors of STYLE.", allow_abbrev=False
    )
    analogy.add_argument("source", metavar="SOURCE", type=_file, help="the picture to draw: PNG, TIFF, JPEG or WebP")
    analogy.add_argument("style", metavar="STYLE", type=_file, help="the picture that has the wanted texture and colors")
    analogy.add_argument("-o", "--output", metavar="OUTPUT", type=_file, required=True, help="where to write the result; the suffix chooses the format")
    analogy.add_argument("--back", metavar="B", type=_file, help="also write the way back: STYLE drawn in the texture and colors of SOURCE")
    analogy.add_argument("--correspondences", metavar="F.npy", type=_file, help="also write each source pixel's match in STYLE: [H, W, (row, column)]")
    _add_common(analogy, AnalogyParams)
    analogy.set_defaults(run=run_analogy)

    doctor = commands.add_parser("doctor", help="check the installation", description="Check the installation.", allow_abbrev=False)
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--debug", action="store_true", help="print the traceback of an error")
    doctor.set_defaults(run=run_doctor)
    return parser


def given_parameters(options: argparse.Namespace) -> dict[str, Any]:
    """The method's parameters that were given on the command line, by name."""
    return {name.removeprefix("parameter_"): value for name, value in vars(options).items() if name.startswith("parameter_") and value is not None}


def _add_common(command: argparse.ArgumentParser, params: type[Params]) -> None:
    """Adds what all computing commands take: the device, the weights, the kind of output, and the parameters of the method."""
    command.add_argument("--device", type=_device, default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    command.add_argument("--weights", metavar="FILE", help="network weights to use in place of the installed ones")
    command.add_argument("--json", action="store_true", help="print one JSON object about the run")
    command.add_argument("--quiet", action="store_true", help="print errors only")
    command.add_argument("--debug", action="store_true", help="print the traceback of an error")
    group = command.add_argument_group("parameters of the method")
    for parameter in describe(params):
        _add_parameter(group, parameter, params)


def _add_parameter(group: argparse._ArgumentGroup, parameter: Parameter, params: type[Params]) -> None:
    unit = "" if parameter.unit in ("-", "weight", "count", "fraction") else f" {parameter.unit}"
    text = f"{parameter.effect}; {parameter.low:.10g} to {parameter.high:.10g}{unit}, default {parameter.default:g}"
    flag = OPTION_NAMES.get(parameter.name, "--" + parameter.name.replace("_", "-"))

    def number(given: str) -> float:
        try:
            value = int(given) if parameter.integer else float(given)
        except ValueError as error:
            kind = "a whole number" if parameter.integer else "a number"
            raise argparse.ArgumentTypeError(f"expected {kind} between {parameter.low:.10g} and {parameter.high:.10g}, got {given!r}") from error
        try:
            params.from_mapping({parameter.name: value})
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix(f"{parameter.name} ")) from error
        return value

    group.add_argument(flag, dest=f"parameter_{parameter.name}", type=number, metavar="N" if parameter.integer else "X", help=text.replace("%", "%%"))


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a file name, got an empty one")
    if ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a file on this computer, got the address {text!r}; download it first")
    return Path(text)


def _device(text: str) -> str:
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text
