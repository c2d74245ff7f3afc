"""The command line of the benchmark. Exit codes: 0 done, 1 a measurement failed, 2 wrong arguments or input (one line on standard error)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from nct_core.contract.errors import NctError

from . import plot, report, runs


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark.

    Args:
        arguments: what follows the program's name; None takes them from ``sys.argv``.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="bench.py", description="Measure time and memory on this machine, each configuration in a process of its own.", allow_abbrev=False
    )
    parser.add_argument(
        "pictures", metavar="PICTURE", type=Path, nargs="*", help="source and references to measure with, scaled to each size (default made ones)"
    )
    parser.add_argument("--quick", action="store_true", help="small pictures only: a few minutes in place of a quarter of an hour")
    parser.add_argument("--device", action="append", metavar="NAME", help="cpu, cuda:N or mps; can be given again (default: all there are)")
    parser.add_argument(
        "--avx2-only", action="store_true",
        help="measure everything as on a processor that has AVX2 but neither AVX-512, VNNI nor AMX "
        "(without this, one transfer and the plain one are measured so beside the others)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write results.json, table.md and scaling.svg there")
    parser.add_argument("--json", action="store_true", help="print results.json in place of the table")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except NctError as error:
        print("bench.py: error:", " ".join(str(error).split()), file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    if options.output is not None:
        report.check_folder(options.output)
    results = runs.run(quick=options.quick, photographs=options.pictures, devices=options.device, avx2_only=options.avx2_only)
    text = json.dumps(results, indent=1)
    table = report.table(results)
    if options.output is not None:
        report.write(options.output, {"results.json": text, "table.md": table, "scaling.svg": plot.scaling(results)})
    print(text if options.json else table)
    return int(any("error" in entry for entry in results["measurements"]))
