"""``nct bench``: how long a transfer takes and how much memory, on every device that the machine has, beside a plain implementation."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_command(commands: Any, device: Callable[[str], str]) -> None:
    """Adds the command ``bench`` to the subparsers of ``nct``; ``device`` checks the name of one."""
    text = "Measure time and memory on this machine, each configuration in a process of its own."
    bench = commands.add_parser("bench", help="measure speed and memory", description=text, allow_abbrev=False)
    bench.add_argument(
        "pictures", metavar="PICTURE", type=Path, nargs="*", help="source and references to measure with, scaled to each size (default made ones)"
    )
    bench.add_argument("--quick", action="store_true", help="small pictures only: a few minutes in place of a quarter of an hour")
    bench.add_argument("--device", type=device, action="append", metavar="NAME", help="cpu, cuda:N or mps; can be given again (default: all there are)")
    bench.add_argument("--output", type=Path, metavar="FOLDER", help="write results.json, table.md and scaling.svg there")
    bench.add_argument("--json", action="store_true", help="print results.json in place of the table")
    bench.add_argument("--debug", action="store_true", help="print the traceback of an error")
    bench.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from . import plot, report, runs

    if options.output is not None:
        report.check_folder(options.output)
    results = runs.run(quick=options.quick, photographs=options.pictures, devices=options.device)
    text = json.dumps(results, indent=1)
    table = report.table(results)
    if options.output is not None:
        report.write(options.output, {"results.json": text, "table.md": table, "scaling.svg": plot.scaling(results)})
    print(text if options.json else table)
    return int(any("error" in entry for entry in results["measurements"]))
