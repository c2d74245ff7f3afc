"""The ``nct`` command.

Exit codes: 0 done, 1 an unexpected error, 2 wrong arguments or input (one line on standard error), 130 interrupted, by Ctrl+C, SIGTERM or SIGHUP.
Everything that can be checked without the network is checked before torch is loaded, which takes seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence

from ..contract.errors import NctError
from ..installation.streams import ready_streams
from .arguments import Command, parse
from .terminal import ShownWarnings, fail, signals

_MEMORY_WORDS = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory", "bad_alloc", "can't start new thread")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the program's name; None takes them from ``sys.argv``.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    ready_streams()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = _run(arguments, debug)
    try:
        print(printed.getvalue(), end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        if not isinstance(error, BrokenPipeError):  # the reader has closed the pipe
            return fail(f"expected to print on standard output, got {error.strerror or error}; files that were asked for are written", 2, debug)
    return code


def _run(arguments: Sequence[str], debug: bool) -> int:
    try:
        options = parse(arguments, {**{name: _computing(name) for name in ("transfer", "series", "apply", "analogy")}, "doctor": _doctor})
        with signals.handled():
            return int(options.run(options))
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except NctError as error:
        return fail(str(error), 2, debug)
    except MemoryError as error:
        return fail(f"expected enough memory for the pictures, but the machine has no more ({error}); use smaller pictures", 2, debug)
    except KeyboardInterrupt:
        return fail("interrupted", 130, debug)
    except Exception as error:
        if _short_of_memory(error):
            return fail("expected enough memory to load the library and for the pictures, but there is no more; close other programs", 2, debug)
        return fail(f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1, debug)


def _short_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is the system's, the loader's or the C++ library's word for too little memory."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or any(words in str(error) for words in _MEMORY_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    return doctor.main(options.json)


def _computing(name: str) -> Command:
    """A command that computes: ``main`` of the module of its name, which is loaded only then."""

    def run(options: argparse.Namespace) -> int:
        with _shown_warnings(options) as warnings:
            return int(importlib.import_module(f".{name}", __package__).main(options, warnings))

    return run


@contextlib.contextmanager
def _shown_warnings(options: argparse.Namespace) -> Iterator[list[str]]:
    """Shows the library's warnings, and collects them for the report."""
    warnings = ShownWarnings(show=not options.quiet)
    log = logging.getLogger("nct_core")
    log.addHandler(warnings)
    logging.getLogger("pyvips").addHandler(logging.NullHandler())  # libvips' messages are in its exceptions
    try:
        yield warnings.messages
    finally:
        log.removeHandler(warnings)
