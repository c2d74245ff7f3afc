"""The results of a benchmark in words: a page of Markdown tables, which reads well on a terminal too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nct_core.contract.errors import InputError
from nct_core.files.replace import check_writable, replacing

Measurement = Mapping[str, Any]
FILES = ("results.json", "table.md", "scaling.svg")


def check_folder(folder: Path) -> None:
    """Makes the folder where it is missing, and sure that the results can be written there.

    Raises:
        InputError: it cannot be made or written to.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder that exists or can be made, got {error.strerror or error}; choose another") from error
    for name in FILES:
        check_writable(folder / name, (Path(name).suffix,))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files, by name, into the folder.

    Raises:
        InputError: one cannot be written.
    """
    for name, text in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def table(results: Mapping[str, Any]) -> str:
    """The page."""
    measurements = results["measurements"]
    parts = [_heading(results), _main(measurements), _stages(measurements), _sizes(measurements), _programs(measurements), _rooflines(measurements)]
    parts.append("\n".join(f"Failed: {_what(entry)}: {entry['error']}" for entry in measurements if "error" in entry))
    return "\n\n".join(part for part in parts if part)


def _heading(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    pictures = "made pictures" if results["pictures"] == "made" else "photographs"
    graphics = [words for name, words in machine["devices"].items() if name != "cpu"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    instructions = ", ".join(machine["instructions"]) or "no AVX2"
    return "\n".join([
        f"{machine['date']}: {machine['cpu']} ({instructions}), {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{', '.join(graphics) or 'no GPU'}; {machine['system']}.",
        f"{versions}; {machine['backbone']}; {pictures}; {results['minutes']} minutes in all, load before {machine['load_before']}.",
        "Seconds are medians of warm runs, the first not counted. Memory is the most that the process held, with Python, torch and the pictures.",
    ])  # fmt: skip


def _main(measurements: Sequence[Measurement]) -> str:
    plain = _good(measurements, "plain")
    size = [entry for entry in _good(measurements, "transfer") if plain and _same_size(entry, plain[0])]
    if not size:
        return ""
    rows, seen = [], set()
    for entry in size:
        key = (entry["device"], entry["avx2_only"], entry["references"])
        if key not in seen:  # the scaling curve may hold the same size again
            seen.add(key)
            one = next((other for other in size if (other["device"], other["avx2_only"], other["references"]) == (*key[:2], 1)), entry)
            times = f"{_plain_of(entry, plain)['seconds'] / entry['seconds']:.1f}" if entry["references"] == 1 else ""
            name = f"{processor(entry)}, {_references(entry)}{_used(entry)}"
            rows.append([name, *_time(entry), times, f"{entry['seconds'] / one['seconds']:.2f}", *_memory(entry)])
    for entry in _good(measurements, "transfer as published"):
        rows.append(
            [f"{processor(entry)}, 1 reference, the published search", *_time(entry), f"{plain[0]['seconds'] / entry['seconds']:.1f}", "", *_memory(entry)]
        )
    rows += [[f"plain implementation, {processor(entry)}", *_time(entry), "1", "", *_memory(entry)] for entry in plain]
    words = [f"Results of {entry['device']} differ by {entry['mean']:.2f} CIEDE2000 on average." for entry in _good(measurements, "difference")]
    title = f"### {plain[0]['width']} x {plain[0]['height']} pixels"
    columns = ["", "seconds", "least - most", "CPU seconds", "times as fast as plain", "times one reference", "memory MiB", "GPU MiB"]
    return "\n\n".join([title, _grid(columns, rows), *words])


def _stages(measurements: Sequence[Measurement]) -> str:
    plain = _good(measurements, "plain")
    if not plain:
        return ""
    columns = [entry for entry in _good(measurements, "transfer") if _same_size(entry, plain[0])] + plain
    names = sorted({name for entry in columns for name in entry["stages"]}, key=lambda name: -max(entry["stages"].get(name, 0) for entry in columns))
    rows = [[name, *(f"{entry['stages'][name]:.2f}" if name in entry["stages"] else "" for entry in columns)] for name in names]
    titles = [f"{'plain, ' * (entry['kind'] == 'plain')}{processor(entry)}, {_references(entry)}" for entry in columns]
    return "### Seconds by stage, watched in a run of its own\n\n" + _grid(["stage", *titles], rows)


def _sizes(measurements: Sequence[Measurement]) -> str:
    plain = _good(measurements, "plain")
    rows = [
        [f"{entry['width']} x {entry['height']}", f"{entry['width'] * entry['height'] / 1e6:.2f}", entry["device"], *_time(entry), *_memory(entry)]
        for entry in _good(measurements, "transfer") if entry["references"] == 1 and not (plain and _same_size(entry, plain[0]))
    ]  # fmt: skip
    columns = ["pixels of source and reference", "megapixels", "device", "seconds", "least - most", "CPU seconds", "memory MiB", "GPU MiB"]
    return "### One reference, by size\n\n" + _grid(columns, rows) if rows else ""


def _programs(measurements: Sequence[Measurement]) -> str:
    rows = []
    for entry in measurements:
        if entry["kind"].startswith("command") and "error" not in entry:
            file = entry["kind"].partition(" ")[2]
            rows.append([f"`nct transfer`, {entry['width']} x {entry['height']} {file}, from start to end", *_time(entry)[:2], *_memory(entry)[:1]])
        if entry["kind"] == "worker" and "error" not in entry:
            rows.append(["worker, from start to hello", *_time(entry)[:2], ""])
            for number in ("first", "second"):
                name, memory = f"{number} transfer in the worker, {entry['width']} x {entry['height']}", _memory(entry)[0] if number == "second" else ""
                rows.append([name, f"{entry[f'{number}_transfer_seconds']:.2f}", "", memory])
    return "### Programs, each start a fresh process\n\n" + _grid(["", "seconds", "least - most", "memory MiB"], rows) if rows else ""


def _rooflines(measurements: Sequence[Measurement]) -> str:
    """Only where a GPU ran: what bandwidth and arithmetic allow."""
    parts = []
    for entry in measurements:
        if "roofline" in entry and entry["width"] * entry["height"] < 400_000:
            found = entry["roofline"]
            rows = [
                [row["stage"], f"{row['bytes'] / 1e9:.2f}", f"{row['flops'] / 1e9:.1f}", f"{row['least_seconds']:.4f}", f"{row['seconds']:.4f}"]
                for row in found["stages"]
            ]
            title = f"### {_what(entry)}: what {found['bytes_per_second'] / 1e9:.0f} GB/s and {found['flops_per_second'] / 1e12:.1f} TFLOP/s allow"
            parts.append(title + "\n\n" + _grid(["stage", "GB", "GFLOP", "least seconds", "seconds"], rows))
    return "\n\n".join(parts)


def _good(measurements: Iterable[Measurement], kind: str) -> list[Measurement]:
    return [entry for entry in measurements if entry["kind"] == kind and "error" not in entry]


def _same_size(one: Measurement, other: Measurement) -> bool:
    return (one["width"], one["height"]) == (other["width"], other["height"])


def _what(entry: Measurement) -> str:
    return f"{entry['kind']}, {entry['width']} x {entry['height']}, {processor(entry)}, {_references(entry)}"


def processor(entry: Measurement) -> str:
    """The device, and whether it was held to AVX2."""
    return entry["device"] + ", AVX2 only" * entry["avx2_only"]


def _plain_of(entry: Measurement, plain: Sequence[Measurement]) -> Measurement:
    """The plain run on the same instructions."""
    return next((other for other in plain if other["avx2_only"] == entry["avx2_only"]), plain[0])


def _references(entry: Measurement) -> str:
    return f"{entry['references']} reference{'s' * (entry['references'] > 1)}"


def _used(entry: Measurement) -> str:
    """Of several references, how many gave the source their colors: matching the others stops early."""
    return f", {sum(share > 0 for share in entry['shares'])} used" if entry["references"] > 1 else ""


def _time(entry: Measurement) -> list[str]:
    """Seconds, their range, CPU seconds."""
    span = f"{entry['seconds_min']:.2f} - {entry['seconds_max']:.2f}" if "seconds_min" in entry else "one run"
    return [f"{entry['seconds']:.2f}", span, f"{entry['cpu_seconds']:.2f}" if "cpu_seconds" in entry else ""]


def _memory(entry: Measurement) -> list[str]:
    """MiB of the process and of the GPU."""
    return [f"{value:.0f}" if (value := entry.get(name)) is not None else "" for name in ("peak_memory_mib", "peak_device_memory_mib")]


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns of equal width; columns that are empty throughout are left out."""
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    lines = [[line[i] for i in kept] for line in (columns, *rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(kept))]
    words = [
        "| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))) + " |" for line in lines
    ]
    rule = "| " + " | ".join("-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)) + " |"
    return "\n".join([words[0], rule, *words[1:]])
