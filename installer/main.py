"""What ``install.py`` does: installing, step by step, and removing."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path

from nct_core import __version__
from nct_core.contract.errors import NctError
from nct_core.installation import paths
from nct_core.installation.gimp import plugin_answers
from nct_core.installation.streams import ready_streams
from nct_core.installation.worker import worker_command, worker_hello

from . import demo, development, environment, lock, plugin, removal
from .console import Trouble, heading, say

PROJECT = Path(__file__).resolve().parents[1]
LOG, VENV = "install.log", "venv"


def install(machine: paths.Machine, backbone: str) -> environment.Environment:
    """Library, weights and plug-in for this user; every step does nothing where its work is done.

    Raises:
        Trouble: a step failed; the message is for the user.
    """
    data, log = paths.data_folder(machine), paths.log_file(machine)
    heading("1 of 4: the library in its own Python environment")
    used = environment.Environment(data / VENV, PROJECT, editable=False, log=data / LOG)
    library = used.prepared()
    heading("2 of 4: the network weights")
    library.fetch_weights(backbone)
    heading("3 of 4: does it work?")
    _check(library, log)
    if library != used:
        library.take_place_of(used)
        say(f"ready: {used.folder}")
    heading("4 of 4: the plug-in")
    programs = paths.gimp_programs(machine)
    folders = plugin.user_folders(machine, programs)
    for folder in folders:
        new = plugin.install(PROJECT, folder, used.python, log)
        say(f"{'installed' if new else 'already there'}: {paths.plugin_folder(folder)}")
    if not folders:
        say("no GIMP 3 here: install GIMP 3 (https://www.gimp.org), start it once and run install.py again; library and command line work without it")
    _check_gimps(machine, programs, used.python)
    return used


def _check(library: environment.Environment, log: Path) -> None:
    try:
        demo.warm_up(library)
        say(f"the worker {worker_hello(worker_command(str(library.python)))}")
    except (Trouble, NctError) as error:
        library.distrust()
        raise error if isinstance(error, Trouble) else Trouble(f"The worker does not answer: {error} (details: {log})") from error


def _check_gimps(machine: paths.Machine, programs: list[paths.Gimp], python: Path) -> None:
    for gimp in programs:
        if not plugin_answers(gimp):
            raise Trouble(f"GIMP {gimp.version} ({gimp.program}) does not find the plug-in; start it with --verbose to see why, and report it as a bug.")
        say(f"GIMP {gimp.version} has Filters > Neural Color Transfer")
    for sandbox in paths.sandboxes(machine):
        able = plugin.sandbox_can_start(sandbox, python)
        say(f"the GIMP in a {sandbox} {'can' if able else 'cannot'} start the worker")
        if not able:
            say("  its sandbox does not let it: use a GIMP without a sandbox (from your system's packages, or the AppImage)")


def ready(python: Path, *, in_gimp: bool) -> str:
    """How the user begins."""
    return f"Ready. {'In GIMP: Filters > Neural Color Transfer. ' if in_gimp else ''}On the command line: {python.with_name('nct')} transfer --help"


def uninstall(machine: paths.Machine) -> None:
    """Removes all that this program made, and nothing else: plug-ins, environment, weights, logs, demo pictures, ./.venv, the GIMPs for the tests.

    Raises:
        Trouble: another install.py is at work.
    """
    heading("Removing")
    data, cache = paths.data_folder(machine), development.cache_folder(machine)
    own = [VENV, VENV + environment.NEW, VENV + environment.OLD, LOG, paths.log_file(machine).name, *(f"demo/{name}" for name in (*demo.PICTURES, demo.RESULT))]
    with lock.only_one(data) if data.exists() else contextlib.nullcontext():
        removals = [plugin.remove(PROJECT, folder) for folder in paths.gimp_user_folders(machine)]
        removals += [removal.remove(cache, ["hosts"]), removal.remove(PROJECT / ".venv", ["."])]
        done = removal.remove(data, own).done
    removals.append(dataclasses.replace(removal.remove(data, [lock.NAME]), done=done))  # last: Windows removes no open file
    for one in removals:
        if one.done:
            say(f"removed: {one.folder}" + (", but for what was not installed:" if one.kept else ""))
        for path in one.kept:
            say(f"  kept: {path}")
    say("done" if any(one.done for one in removals) else "there was nothing to remove")


def main(description: str | None) -> int:
    """The program ``install.py``, which ``description`` is about.

    Returns:
        Exit status 0: all is well; 1: trouble, said in one sentence; 130: stopped by the user.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--demo", action="store_true", help="install, then recolor a built-in picture")
    action.add_argument("--test", action="store_true", help="make ./.venv for development and run all checks")
    action.add_argument("--uninstall", action="store_true", help="remove all that was installed")
    parser.add_argument("--backbone", choices=("auto", "vgg19", "vgg16"), default="auto", help="the network: VGG-19 where its 575 MB can be had, else VGG-16")
    options = parser.parse_args()
    ready_streams()
    machine = paths.Machine()
    print(f"Neural Color Transfer {__version__}", flush=True)
    try:
        if options.uninstall:
            uninstall(machine)
        elif options.test:
            return development.test(PROJECT, options.backbone)
        else:
            data = paths.data_folder(machine)
            with lock.only_one(data):
                library = install(machine, options.backbone)
                print(f"\n{ready(library.python, in_gimp=bool(paths.gimp_user_folders(machine)))}", flush=True)
                if options.demo:
                    demo.run(library, data / "demo")
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nThe system refused: {error}. Check free space and permissions, then run install.py again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run install.py again to continue.", file=sys.stderr)
        return 130
    return 0
