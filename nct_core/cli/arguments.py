"""The arguments of the ``nct`` command; those of the method's parameters are derived from :mod:`nct_core.contract`."""

from __future__ import annotations

import argparse
import glob
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..contract.analogy_params import AnalogyParams
from ..contract.errors import InputError
from ..contract.params import TABLE_SIDE, TABLE_SIDES, AnyParams, Parameter, Params, TransferParams, describe
from . import guides

OPTION_NAMES = {"bds_weight": "--bds"}
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*")
DASHED_FILE = re.compile(r"-[^=]*\.[A-Za-z]+")

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def parse(arguments: Sequence[str], commands: Mapping[str, Command]) -> argparse.Namespace:
    """Reads the command line; ``run`` of the result is the command's function, the one of its name in ``commands``.

    Raises:
        InputError: an argument is unknown, missing or wrong.
        SystemExit: help or the version was asked for, and printed.
    """
    try:
        options = _parser(commands).parse_args(arguments)
        for name in ("references", "sources"):
            if name in options:
                setattr(options, name, [path for given in getattr(options, name) for path in _expanded(given)])
        return options
    except InputError as error:
        dashed = [argument for argument in arguments if DASHED_FILE.fullmatch(argument)]
        hint = f"; a file name that begins with '-' needs './' in front: ./{dashed[0]}" if dashed else ""
        raise InputError(f"{error}{hint}") from error


def given_params(options: argparse.Namespace, kind: type[AnyParams]) -> AnyParams:
    """The method's parameters, those that were not given at their defaults."""
    given = {name.removeprefix("parameter_"): value for name, value in vars(options).items() if name.startswith("parameter_") and value is not None}
    return kind.from_mapping(given)


def _parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = _Parser(prog="nct", description="A picture takes on the colors of other pictures, matched by meaning.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"nct {__version__}")
    added = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, help: str, description: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = added.add_parser(name, help=help, description=description, allow_abbrev=False)
        command.set_defaults(run=commands[name])
        return command

    _add_transfer(add("transfer", "recolor a picture", "Recolor SOURCE with the colors of one or more REFERENCEs."))
    _add_series(add("series", "recolor many pictures", "Recolor every SOURCE with the colors of the same references, which are read once."))
    _add_apply(add("apply", "put a saved transfer on pictures", "Recolor the same picture at any size as it was, other pictures by the look alone."))
    _add_analogy(add("analogy", "draw a picture in the texture and colors of another", "Draw SOURCE in the texture and colors of STYLE."))
    _add_report(add("doctor", "check the installation", "Check the installation."))
    return parser


def _add_transfer(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="SOURCE", type=_file, help="the picture to recolor: PNG, TIFF, JPEG, WebP or AVIF; - is standard input")
    command.add_argument(
        "references", metavar="REFERENCE", type=_file, nargs="+", help="pictures that have the wanted colors; each part takes those that fit best"
    )
    _add_output(command)
    command.add_argument("--save", metavar="F.nct", type=_file, help="also save the transfer, for 'nct apply'")
    command.add_argument("--cube", metavar="F.cube", type=_file, help="also write the transfer as a color table for other programs, and tell how far it is off")
    command.add_argument("--hald", metavar="F.png", type=_file, help="also write the color table as a HaldCLUT picture")
    command.add_argument(
        "--cube-size", metavar="N", type=_table_side, help=f"points per channel of the table, {TABLE_SIDES[0]} to {TABLE_SIDES[1]} (default {TABLE_SIDE})"
    )
    command.add_argument(
        "--correspondences", metavar="F.npy", type=_file,
        help="also write each source pixel's match in the first reference, used or not: [H, W, (row, column)]",
    )  # fmt: skip
    command.add_argument("--labels", metavar="F.png", type=_file, help="also write which reference colored what, as a picture with a legend")
    command.add_argument(
        "--maps", metavar="DIR", type=_file,
        help="also write the maps of every level, 1 to 5, into this folder: LEVEL-field-N.png (reference N drawn by its matches), LEVEL-guidance.png, "
        "LEVEL-confidence.png, LEVEL-labels.png, LEVEL-slope.png (change of contrast), LEVEL-result.png",
    )  # fmt: skip
    command.add_argument("--confidence", metavar="F.png", type=_file, help="also write how sure each match is, as an 8-bit gray picture")
    _add_computing(command)
    _add_report(command, quiet=True)
    guides.add_arguments(command)
    _add_parameters(command, TransferParams)


def _add_series(command: argparse.ArgumentParser) -> None:
    command.add_argument("sources", metavar="SOURCE", type=_file, nargs="+", help="the pictures to recolor, or folders of them")
    command.add_argument("--references", metavar="REFERENCE", type=_file, nargs="+", required=True, help="pictures that have the wanted colors")
    command.add_argument("-o", "--output", metavar="DIR", type=_file, required=True, help="the folder for the results")
    _add_many(command)
    command.add_argument("--shard", metavar="I/N", type=_shard, help="only part I of N, for several machines at once: 1/16 to 16/16")
    command.add_argument("--frames", action="store_true", help="the sources are the frames of a film, in order: keep them from flickering (needs OpenCV)")
    _add_computing(command)
    _add_report(command, quiet=True)
    _add_parameters(command, TransferParams)


def _add_apply(command: argparse.ArgumentParser) -> None:
    command.add_argument("look", metavar="LOOK", type=_file, help="a transfer that 'nct transfer --save' wrote")
    command.add_argument("sources", metavar="PICTURE", type=_file, nargs="+", help="the pictures to recolor, or folders of them")
    command.add_argument("-o", "--output", metavar="OUTPUT", type=_file, required=True, help="where to write: a file for one picture, otherwise a folder")
    _add_many(command)
    _add_report(command, quiet=True)
    _add_parameters(command, TransferParams, ["strength", "keep_lightness"], default="as saved")


def _add_analogy(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="SOURCE", type=_file, help="the picture to draw: PNG, TIFF, JPEG, WebP or AVIF; - is standard input")
    command.add_argument("style", metavar="STYLE", type=_file, help="the picture that has the wanted texture and colors")
    _add_output(command)
    command.add_argument("--back", metavar="B", type=_file, help="also write the way back: STYLE drawn in the texture and colors of SOURCE")
    command.add_argument("--correspondences", metavar="F.npy", type=_file, help="also write each source pixel's match in STYLE: [H, W, (row, column)]")
    _add_computing(command)
    _add_report(command, quiet=True)
    _add_parameters(command, AnalogyParams)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", metavar="OUTPUT", type=_file, required=True,
        help="where to write the result; the suffix chooses the format; - is standard output, as PNG",
    )  # fmt: skip


def _add_many(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--name", metavar="NAME", default="{stem}.{ext}",
        help="the results' names: {stem} and {ext} are the source's, {n} counts the sources from 1, {n:03} with three digits (default {stem}.{ext})",
    )  # fmt: skip
    command.add_argument("--again", action="store_true", help="recolor also where the result is there already")


def _add_computing(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", type=_device, default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    command.add_argument("--weights", metavar="FILE", help="network weights to use in place of the installed ones")


def _add_report(command: argparse.ArgumentParser, *, quiet: bool = False) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object" + (" about the run" if quiet else ""))
    if quiet:
        command.add_argument("--quiet", action="store_true", help="print errors only")
    command.add_argument("--debug", action="store_true", help="print the traceback of an error")


def _add_parameters(command: argparse.ArgumentParser, kind: type[Params], names: Sequence[str] | None = None, default: str | None = None) -> None:
    group = command.add_argument_group("parameters of the method")
    for parameter in describe(kind):
        if names is None or parameter.name in names:
            _add_parameter(group, parameter, kind, default or f"{parameter.default:g}")


def _add_parameter(group: argparse._ArgumentGroup, parameter: Parameter, params: type[Params], default: str) -> None:
    unit = "" if parameter.unit in ("-", "weight", "count", "fraction") else f" {parameter.unit}"
    text = f"{parameter.effect}; {parameter.low:.10g} to {parameter.high:.10g}{unit}, default {default}"
    flag = OPTION_NAMES.get(parameter.name, "--" + parameter.name.replace("_", "-"))

    def number(given: str) -> float:
        try:
            value = int(given) if parameter.integer else float(given)
        except ValueError as error:
            expected = "a whole number" if parameter.integer else "a number"
            raise argparse.ArgumentTypeError(f"expected {expected} between {parameter.low:.10g} and {parameter.high:.10g}, got {given!r}") from error
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


def _expanded(path: Path) -> list[Path]:
    """The files that a pattern such as ``refs/*.jpg`` names, which shells of Windows pass on as it is; the path itself if it is none."""
    named = str(path)
    if not glob.has_magic(named) or os.path.lexists(path):
        return [path]
    return [Path(found) for found in sorted(glob.glob(named))] or [path]  # noqa: PTH207  the pattern may be absolute


def _table_side(text: str) -> int:
    low, high = TABLE_SIDES
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"expected a whole number between {low} and {high}, got {text!r}")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"expected I/N, such as 3/16, with I from 1 to N, got {text!r}")
    return int(part), int(parts)


def _device(text: str) -> str:
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text
