"""The scaling plot: time and memory against pixels and against references, as an SVG file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

Measurement = Mapping[str, Any]
Points = Sequence[tuple[float, float]]
_WIDTH, _HEIGHT = 380, 250  # of one panel, within its margins
_LEFT, _TOP, _RIGHT, _BOTTOM = 66, 70, 26, 56
_COLORS = ("#1f6fb4", "#d1641a", "#2f8f4e", "#8a4fb0", "#b03a48")
_INK, _FAINT = "#222222", "#dddddd"


def scaling(results: Mapping[str, Any]) -> str:
    """Draws two columns of panels.

    Args:
        results: what :func:`nct_core.benchmark.runs.run` gave.

    Returns:
        The text of an SVG file.
    """
    good = [entry for entry in results["measurements"] if entry["kind"] == "transfer" and "error" not in entry]
    devices = list(dict.fromkeys(entry["device"] for entry in good))
    main = {(entry["width"], entry["height"]) for entry in good if entry["references"] > 1}
    by_size = [entry for entry in good if (entry["width"], entry["height"]) not in main]
    by_references = [entry for entry in good if (entry["width"], entry["height"]) in main]
    colors = dict(zip(devices, itertools.cycle(_COLORS)))
    size = " x ".join(str(side) for side in next(iter(main), ("", "")))
    panels = []
    for words, entries, x, logarithmic in (
        ("logarithmic", by_size, _megapixels, True),
        ("linear", by_size, _megapixels, False),
        (None, by_references, _references, False),
    ):
        for what, unit, y in (("Time", "seconds", _seconds), ("Memory", "GiB", _gib)):
            title = f"{what} by size, {words}" if words else f"{what} by references"
            x_title = "megapixels of source and reference, each" if words else f"references at {size}"
            panels.append(_Panel(title, x_title, unit, {colors[device]: line for device, line in _lines(entries, x, y).items()}, logarithmic))
    rows = len(panels) // 2
    cell_width, cell_height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    body = [f'<g transform="translate({i % 2 * cell_width},{i // 2 * cell_height})">{panel.draw()}</g>' for i, panel in enumerate(panels)]
    machine = results["machine"]
    caption = f"{machine['cpu']}, {machine['cores']} cores; {machine['backbone']}; {machine['date']}"
    legend = [
        f'<g transform="translate({_LEFT + i * 200},{rows * cell_height + 12})"><rect width="14" height="4" y="-6" fill="{color}"/>'
        f"{_text(20, 0, device + ': ' + machine['devices'][device])}</g>" for i, (device, color) in enumerate(colors.items())
    ]  # fmt: skip
    width, height = 2 * cell_width, rows * cell_height + 56
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *body, *legend, _text(_LEFT, height - 14, caption, size=12), "</svg>",
    ])  # fmt: skip


def _lines(entries: Sequence[Measurement], x: Callable[[Measurement], float], y: Callable[[Measurement], float | None]) -> dict[str, Points]:
    """One line for each device, from left to right."""
    found: dict[str, list[tuple[float, float]]] = {}
    for entry in entries:
        if (value := y(entry)) is not None:
            found.setdefault(entry["device"], []).append((x(entry), value))
    return {device: sorted(line) for device, line in found.items()}


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


class _Panel:
    """Axes and one line for each color; both axes logarithmic, or both from 0."""

    def __init__(self, title: str, x_title: str, y_title: str, lines: Mapping[str, Points], logarithmic: bool) -> None:
        self.title, self.x_title, self.y_title, self.lines = title, x_title, y_title, lines
        values = [point for line in lines.values() for point in line] or [(1.0, 1.0)]
        self.x = _Axis([x for x, _ in values], _WIDTH, logarithmic)
        self.y = _Axis([y for _, y in values], _HEIGHT, logarithmic)

    def draw(self) -> str:
        parts = [_text(_LEFT, _TOP - 22, self.title, size=15, weight="bold")]
        for tick in self.x.ticks:
            at = _LEFT + self.x(tick)
            parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_TOP + _HEIGHT}" stroke="{_FAINT}"/>')
            parts.append(_text(at, _TOP + _HEIGHT + 19, f"{tick:g}", anchor="middle"))
        for tick in self.y.ticks:
            at = _TOP + _HEIGHT - self.y(tick)
            parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="{_FAINT}"/>')
            parts.append(_text(_LEFT - 8, at + 4, f"{tick:g}", anchor="end"))
        parts.append(f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="{_INK}"/>')
        parts.append(_text(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 40, self.x_title, anchor="middle"))
        parts.append(f'<g transform="translate({_LEFT - 46},{_TOP + _HEIGHT / 2}) rotate(-90)">{_text(0, 0, self.y_title, anchor="middle")}</g>')
        for color, line in self.lines.items():
            spots = [(_LEFT + self.x(x), _TOP + _HEIGHT - self.y(y)) for x, y in line]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in spots]
        return "".join(parts)


class _Axis:
    """From values to pixels along an axis, with some margin, and where its ticks are."""

    def __init__(self, values: Sequence[float], length: float, logarithmic: bool) -> None:
        self._length, self._logarithmic = length, logarithmic
        low, high = min(values), max(values)
        if logarithmic:
            self._low, self._high = math.log10(low / 1.25), math.log10(high * 1.25)
            steps = [digit * 10.0**power for power in range(math.floor(self._low), math.ceil(self._high) + 1) for digit in (1, 2, 5)]
        else:
            self._low, self._high = 0.0, high * 1.1
            power = 10.0 ** math.floor(math.log10(high))
            step = next(step for step in (0.2 * power, 0.5 * power, power, 2 * power) if high / step <= 6)
            steps = [round(i * step, 10) for i in range(7)]
        self.ticks = [tick for tick in steps if 0 <= self(tick) <= length]

    def __call__(self, value: float) -> float:
        share = (math.log10(value) if self._logarithmic else value) - self._low
        return share / (self._high - self._low) * self._length


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{_INK}">{escape(words)}</text>'
