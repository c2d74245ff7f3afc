"""The guides of the command line: options and the file that ``--guides`` names."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.errors import InputError

if TYPE_CHECKING:
    from ..guides.types import Guide

_NUMBER = r"[+-]?\d{1,6}(?:\.\d{0,6})?"
_PIN = re.compile(rf"({_NUMBER}),({_NUMBER})=({_NUMBER}),({_NUMBER})(?:@(\d{{1,4}}))?")
_NUMBERED = re.compile(r"(.+?)(?:@(\d{1,4}))?")

GivenPin = tuple[tuple[float, float], tuple[float, float], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that give guides."""
    group = parser.add_argument_group(
        "guides", "What goes with what, where the match is wrong; all can be repeated. @N is the number of the reference, counted from 1."
    )
    group.add_argument(
        "--pin", metavar="X,Y=X,Y[@N]", type=_pin, action="append", default=[],
        help="the object at this point of SOURCE takes its colors from the object at that point of REFERENCE, in pixels from the top left",
    )  # fmt: skip
    group.add_argument(
        "--pair", metavar=("MASK", "MASK[@N]"), nargs=2, action="append", default=[],
        help="what is white in the first mask, of SOURCE, is matched with what is white in the second, of REFERENCE, only",
    )  # fmt: skip
    group.add_argument(
        "--labels-in", metavar=("SOURCE_MAP", "REFERENCE_MAP[@N]"), nargs=2, action="append", default=[],
        help="color-coded maps: what has the same color in both is matched",
    )  # fmt: skip
    group.add_argument("--protect", metavar="MASK", action="append", default=[], help="what is white in the mask keeps its colors bit for bit")
    group.add_argument("--guides", metavar="FILE.json", action="append", default=[], help="a file of such guides, see docs/guides.md")


def collect(options: argparse.Namespace) -> list[Guide]:
    """Reads all guides of a command line.

    Raises:
        InputError: a file is not what was expected, or a guide names a reference that is not there.
    """
    from ..files import guides as files

    found: list[Guide] = [files.pin(*given) for given in options.pin]
    found += [files.pair(Path(source), *_numbered(reference)) for source, reference in options.pair]
    found += [files.label_maps(Path(source), *_numbered(reference)) for source, reference in options.labels_in]
    found += [files.protect(Path(mask)) for mask in options.protect]
    for path in options.guides:
        found += files.read_guides(Path(path))
    count = len(options.references)
    for guide in found:
        number = getattr(guide, "number", 0)
        if not 0 <= number < count:
            raise InputError(f"{guide}: expected the number of one of the {count} references, counted from 1, got {number + 1}")
    return found


def _pin(text: str) -> GivenPin:
    match = _PIN.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected two points as X,Y=X,Y or X,Y=X,Y@N, got {text!r}")
    x, y, to_x, to_y = (float(value) for value in match.groups()[:4])
    return (x, y), (to_x, to_y), int(match[5] or 1)


def _numbered(text: str) -> tuple[Path, int]:
    """A file name with or without the number of a reference."""
    match = _NUMBERED.fullmatch(text)
    return (Path(match[1]), int(match[2] or 1)) if match else (Path(text), 1)
