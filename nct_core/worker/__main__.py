"""Starts the worker: ``python -m nct_core.worker [--log FILE]``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

from .. import __version__
from ..contract import messages
from .server import Worker

logger = logging.getLogger(__name__)

LOG_BYTES = 1 << 20


def _open_log(path: Path) -> None:
    """Sends stderr to the log file, so that what libraries print and how Python dies is kept too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(path.suffix + ".old"))
            os.truncate(path, 0)  # Windows renames no file that another program has open, and who appends goes on at the new end
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        os.dup2(log, 2)
        os.close(log)
    except OSError as error:
        logger.warning("no log file: %s", error)


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keeps stdin and stdout for frames alone: whatever else reads finds an empty file, whatever else prints goes to stderr."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return source, sink


def main() -> None:
    """Entry point of ``python -m nct_core.worker``."""
    parser = argparse.ArgumentParser(prog="python -m nct_core.worker", description="Answers the GIMP plug-in over stdin and stdout.")
    parser.add_argument("--log", type=Path, metavar="FILE", help="log to this file instead of stderr")
    options = parser.parse_args()
    if options.log is not None:
        _open_log(options.log)
    faulthandler.enable()
    source, sink = _take_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    logger.info("worker %s, protocol %d, Python %s", __version__, messages.VERSION, sys.version.split()[0])
    Worker(source, sink).run()


if __name__ == "__main__":
    main()
