"""What is measured, one configuration after the other, each in a fresh process; this one loads no heavy library itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nct_core.contract.errors import DeviceError, InputError, NctError

from . import machine, programs

Size = tuple[int, int]
Measurement = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a benchmark measures.

    Attributes:
        main: (width, height) of the pictures that are compared with the plain implementation.
        references: numbers of references that are measured at that size.
        sizes: (width, height) of the pictures of the scaling curve.
        commands: (width, height), format and runs of the command lines that are timed.
        runs: how often each transfer is timed, after one that is not counted.
    """

    main: Size
    references: tuple[int, ...]
    sizes: tuple[Size, ...]
    commands: tuple[tuple[Size, str, int], ...]
    runs: int


_SIDES = (256, 350, 500, 700, 1000, 1500, 2100, 3000, 4200, 6000)
FULL = Plan(
    main=(700, 500),
    references=(1, 2, 3, 5),
    sizes=tuple((side, round(side * 2 / 3)) for side in _SIDES),
    commands=(((700, 500), ".png", 3), ((6000, 4000), ".jpg", 2), ((6000, 4000), ".png", 1)),
    runs=3,
)
QUICK = Plan(main=(256, 183), references=(1, 3), sizes=((180, 120), (256, 171), (360, 240)), commands=(((256, 183), ".png", 1),), runs=2)
AS_PUBLISHED = {"match_drift": 100.0}
"""Parameters with which the library searches for matches as long and as far as the plain implementation does."""
_LIMIT_SECONDS = 1800
_FOLDER = Path(__file__).parents[1]  # where ``python -m nct_bench.case`` finds this package


def run(*, quick: bool, photographs: Sequence[Path] = (), devices: Sequence[str] | None = None, avx2_only: bool = False) -> dict[str, Any]:
    """Runs a whole benchmark; a configuration that fails leaves its error in the results and the others go on.

    Args:
        quick: :data:`QUICK` in place of :data:`FULL`.
        photographs: source and references to measure with; made pictures if empty.
        devices: names; all of the machine's if None.
        avx2_only: nothing uses newer instructions than AVX2. Otherwise this is measured beside the rest, at one size, where the processor has newer ones.

    Returns:
        ``machine`` (see :func:`nct_bench.machine.describe`), ``pictures`` (in words), ``plan`` and ``measurements``, a list of what was asked and found.

    Raises:
        InputError: a single photograph, or one that cannot be read.
        DeviceError: the machine has no such device.
        NctError: the machine has no working installation.
    """
    if len(photographs) == 1:
        raise InputError("expected a source and at least one reference, got one picture; name two or none")
    plan = QUICK if quick else FULL
    if photographs:
        plan = Plan(plan.main, tuple(n for n in plan.references if n < len(photographs)), plan.sizes, plan.commands, plan.runs)
    started = time.perf_counter()
    _say("looking at the machine")
    found = _ask({"kind": "machine"}, _environment(avx2_only))
    if "error" in found:
        raise NctError(found["error"])
    wanted = list(devices or found["devices"])
    for name in wanted:
        if name not in found["devices"]:
            raise DeviceError(f"expected one of the devices that this machine has ({', '.join(found['devices'])}), got {name!r}")
    with tempfile.TemporaryDirectory(prefix="nct-bench-") as scratch:
        bench = _Bench(plan, Path(scratch), [str(path.resolve()) for path in photographs], wanted, avx2_only)
        bench.at_main_size(beside="cpu" in wanted and not avx2_only and found["instructions"][1:] != [])
        bench.over_sizes()
        bench.of_programs()
    return {
        "machine": found,
        "pictures": [path.name for path in photographs] or "made",
        "plan": "quick" if quick else "full",
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "measurements": bench.measurements,
    }


class _Bench:
    def __init__(self, plan: Plan, scratch: Path, photographs: list[str], devices: list[str], avx2_only: bool) -> None:
        self.plan, self.scratch, self.photographs, self.devices, self.avx2_only = plan, scratch, photographs, devices, avx2_only
        self.measurements: list[Measurement] = []

    def at_main_size(self, *, beside: bool) -> None:
        """Every number of references, the plain implementation, and how far apart the results are; one reference also with AVX2 only, if ``beside``."""
        folder = self._pictures(self.plan.main, max(self.plan.references) + 1, [".npy"])
        for device in self.devices:
            for references in self.plan.references:
                self._transfer(folder, self.plan.main, references, device, result=str(folder / f"{device.replace(':', '-')}-{references}.npy"))
            self._transfer(folder, self.plan.main, 1, device, params=AS_PUBLISHED)
        self._plain(folder, str(folder / "plain.npy"))
        if beside:
            self.avx2_only = True
            self._transfer(folder, self.plan.main, 1, "cpu")
            self._plain(folder)
            self.avx2_only = False
        results = [(device, folder / f"{device.replace(':', '-')}-1.npy") for device in self.devices]
        for (one, file), (other, its) in zip([results[0]] * len(results), [("plain", folder / "plain.npy"), *results[1:]]):
            if file.exists() and its.exists():
                self._note("difference", self.plan.main, f"{one} and {other}", 1, 1, self._ask({"kind": "difference", "one": str(file), "other": str(its)}))
        self._clear(folder)

    def over_sizes(self) -> None:
        """One reference of the source's size."""
        for size in self.plan.sizes:
            folder = self._pictures(size, 2, [".npy"])
            for device in self.devices:
                self._transfer(folder, size, 1, device)
            self._clear(folder)

    def of_programs(self) -> None:
        """The command line and the worker from their start, on the first device."""
        for size, suffix, runs in self.plan.commands:
            folder = self._pictures(size, 2, [suffix])
            self._note(f"command {suffix}", size, self.devices[0], 1, runs, programs.command(folder, suffix, self.devices[0], runs, self._environment))
            self._clear(folder)
        folder = self._pictures(self.plan.main, 2, [".rgb"])
        found = programs.worker(folder, self.plan.main, self.devices[0], self.plan.runs, self._environment)
        self._note("worker", self.plan.main, self.devices[0], 1, self.plan.runs, found)
        self._clear(folder)

    def _transfer(self, folder: Path, size: Size, references: int, device: str, *, params: dict[str, float] | None = None, result: str | None = None) -> None:
        asked = {"folder": str(folder), "references": references, "device": device, "runs": self.plan.runs, "params": params or {}, "result": result}
        kind = "transfer as published" if params else "transfer"
        self._note(kind, size, device, references, self.plan.runs, self._ask({"kind": "transfer", **asked}))

    def _plain(self, folder: Path, result: str | None = None) -> None:
        self._note("plain", self.plan.main, "cpu", 1, 1, self._ask({"kind": "plain", "folder": str(folder), "result": result}))

    def _note(self, kind: str, size: Size, device: str, references: int, runs: int, found: Measurement) -> None:
        asked = {"kind": kind, "width": size[0], "height": size[1], "device": device, "avx2_only": self.avx2_only, "references": references, "runs": runs}
        self.measurements.append({**asked, **found})
        said = found.get("error") or (f"{found['seconds']:.2f} s" if "seconds" in found else f"{found['mean']:.2f} CIEDE2000 apart on average")
        _say(f"{kind}, {size[0]} x {size[1]}, {device}{', AVX2 only' * self.avx2_only}, {references} reference{'s' * (references > 1)}: {said}")

    def _pictures(self, size: Size, count: int, suffixes: list[str]) -> Path:
        folder = self.scratch / f"{size[0]}x{size[1]}"
        folder.mkdir()
        asked = {"kind": "pictures", "folder": str(folder), "size": size, "count": count, "photographs": self.photographs, "suffixes": suffixes}
        found = self._ask(asked)
        if "error" in found:
            raise InputError(found["error"])
        return folder

    def _clear(self, folder: Path) -> None:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    @property
    def _environment(self) -> dict[str, str]:
        return _environment(self.avx2_only)

    def _ask(self, request: Measurement) -> Measurement:
        return _ask(request, self._environment)


def _environment(avx2_only: bool) -> dict[str, str]:
    return {**os.environ, **(machine.AVX2_ONLY if avx2_only else {})}


def _ask(request: Measurement, environment: Mapping[str, str]) -> Measurement:
    """Has a fresh process do it (see :mod:`nct_bench.case`)."""
    line = [sys.executable, "-m", "nct_bench.case", json.dumps(request)]
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_LIMIT_SECONDS, env=environment, cwd=_FOLDER
        )
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {_LIMIT_SECONDS} s"}
    except ValueError:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        return {"error": f"the process ended with {done.returncode}: {words[-1]}"}


def _say(words: str) -> None:
    print(f"bench.py: {words}", file=sys.stderr, flush=True)
