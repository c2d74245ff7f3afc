"""The scaling plot: time and memory against pixels and against references, as an SVG file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from .report import processor

Measurement = Mapping[str, Any]


def scaling(results: Mapping[str, Any]) -> str:
    """Draws :func:`figure`.

    Args:
        results: what :func:`nct_bench.runs.run` gave.

    Returns:
        The text of an SVG file; equal results give equal text.
    """
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "nct", "font.family": "sans-serif"}):
        figure(results).savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def figure(results: Mapping[str, Any]) -> Figure:
    """Draws time (left) and memory (right): by size on logarithmic and on linear axes, and by references; one line for each device.

    The sizes of which several numbers of references were measured are left out of the plots by size.
    """
    machine = results["machine"]
    good = [entry for entry in results["measurements"] if entry["kind"] == "transfer" and "error" not in entry]
    main = {(entry["width"], entry["height"]) for entry in good if entry["references"] > 1}
    by_size = [entry for entry in good if (entry["width"], entry["height"]) not in main]
    by_references = [entry for entry in good if (entry["width"], entry["height"]) in main]
    size = " x ".join(str(side) for side in next(iter(main), ("", "")))
    names = dict.fromkeys(processor(entry) for entry in good)
    drawn = Figure((11, 13), layout="constrained")
    rows = drawn.subplots(3, 2)
    for number, (entries, x, x_label) in enumerate(
        (
            (by_size, _megapixels, "megapixels of source and reference, each"),
            (by_size, _megapixels, "megapixels of source and reference, each"),
            (by_references, _references, f"references at {size}"),
        )
    ):
        for axes, y, y_label in zip(rows[number], (_seconds, _gib), ("seconds", "memory in GiB")):
            for color, name in enumerate(names):  # each has its color in all plots
                points = sorted((x(entry), value) for entry in entries if processor(entry) == name and (value := y(entry)) is not None)
                if points:
                    axes.plot(*zip(*points), marker="o", color=f"C{color}", label=name)
            axes.set(xlabel=x_label, ylabel=y_label)
            if number == 0:
                axes.set(xscale="log", yscale="log")
            else:
                axes.set(xlim=(0, None), ylim=(0, None))
            axes.grid(which="both", alpha=0.3)
    drawn.suptitle(f"{machine['cpu']}, {machine['cores']} cores; {machine['backbone']}; {machine['date']}")
    lines = {line.get_label(): line for axes in rows.flat for line in axes.get_lines()}
    words = [f"{name}: {machine['devices'][name.partition(',')[0]]}" for name in lines]
    drawn.legend(lines.values(), words, loc="outside lower center")
    return drawn


def _megapixels(entry: Measurement) -> float:
    return entry["width"] * entry["height"] / 1e6


def _references(entry: Measurement) -> float:
    return entry["references"]


def _seconds(entry: Measurement) -> float:
    return entry["seconds"]


def _gib(entry: Measurement) -> float | None:
    """Of the process on the CPU, of the GPU elsewhere."""
    mib = entry.get("peak_memory_mib" if entry["device"] == "cpu" else "peak_device_memory_mib")
    return mib / 1024 if mib else None
