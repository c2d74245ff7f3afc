"""One measurement in a process of its own: ``python -m nct_bench.case REQUEST``, which prints one JSON object.

A fresh process for each, so that peak memory is that of the one configuration and no measurement warms up the next.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nct_core.contract.errors import NctError

from . import machine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Request = dict[str, Any]


def main(request: Request) -> dict[str, Any]:
    """Does what ``request["kind"]`` names: "machine", "pictures", "transfer", "plain" or "difference"; raises NctError."""
    kinds: dict[str, Callable[..., dict[str, Any]]] = {
        "machine": machine.describe, "pictures": _pictures, "transfer": _transfer, "plain": _plain, "difference": _difference,
    }  # fmt: skip
    return kinds[request.pop("kind")](**request)


def _pictures(folder: str, size: list[int], count: int, photographs: list[str], suffixes: list[str]) -> dict[str, Any]:
    from . import pictures

    pictures.write(Path(folder), (size[0], size[1]), count, [Path(path) for path in photographs], suffixes)
    return {}


def _load(folder: str, number: int) -> Any:
    import numpy as np

    return np.multiply(np.load(Path(folder, f"{number}.npy")), np.float32(1 / 255), dtype=np.float32)


def _transfer(folder: str, references: int, device: str, runs: int, params: dict[str, float], result: str | None = None) -> dict[str, Any]:
    """Warm transfers of pictures in memory, each as of new pictures: the first is not counted, nor is the last, which is watched for its stages."""
    import numpy as np
    import torch

    from nct_core import TransferParams, transfer
    from nct_core.features.installed import forget_pictures
    from nct_core.runtime import backend, memory

    from . import roofline
    from .stages import StageClock

    at, chosen = torch.device(backend.candidates(device)[0]), TransferParams.from_mapping(params)
    source, others = _load(folder, 0), [_load(folder, number) for number in range(1, references + 1)]
    if at.type == "cuda":
        torch.cuda.init()  # there are no statistics before
        torch.cuda.reset_peak_memory_stats(at)

    walls, processors = [], []
    for _ in range(runs + 1):
        forget_pictures()
        wall, processor = time.perf_counter(), time.process_time()
        done = transfer(source, others, chosen, device=device)
        machine.synchronize(at)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    peak = memory.peak_mib()
    if result:
        np.save(result, done.image)
    clock = StageClock(lambda: machine.synchronize(at))
    forget_pictures()
    start = time.perf_counter()
    with clock.running():
        transfer(source, others, chosen, device=device)
    stages = dict(clock.seconds)
    stages["rest"] = time.perf_counter() - start - sum(stages.values())
    answer: dict[str, Any] = {
        "seconds": statistics.median(walls[1:]), "seconds_min": min(walls[1:]), "seconds_max": max(walls[1:]), "seconds_first": walls[0],
        "cpu_seconds": statistics.median(processors[1:]), "peak_memory_mib": peak, "peak_device_memory_mib": _device_memory_mib(at),
        "shares": done.shares,
        "stages": stages,
    }  # fmt: skip
    if at.type != "cpu" and not params:
        answer["roofline"] = roofline.table(at, source.shape[:2], [other.shape[:2] for other in others], stages, done.backbone)
    return answer


def _device_memory_mib(at: Any) -> float | None:
    import torch

    if at.type == "cuda":
        return round(torch.cuda.max_memory_allocated(at) / 2**20, 1)
    return round(torch.mps.driver_allocated_memory() / 2**20, 1) if at.type == "mps" else None  # MPS keeps no peak


def _plain(folder: str, result: str | None = None) -> dict[str, Any]:
    """The plain implementation, once."""
    import numpy as np

    from nct_core import TransferParams
    from nct_core.features import weights
    from nct_core.runtime import memory

    from . import plain

    source, reference = _load(folder, 0), _load(folder, 1)
    network = weights.load(weights.find())
    marks: list[tuple[float, str]] = []
    wall, processor = time.perf_counter(), time.process_time()
    image = plain.transfer(source, reference, network, TransferParams(), lambda name, level: marks.append((time.perf_counter(), name)))
    ends = [*(moment for moment, _ in marks[1:]), time.perf_counter()]
    stages: dict[str, float] = {}
    for (start, name), end in zip(marks, ends):
        stages[name] = stages.get(name, 0.0) + end - start
    if result:
        np.save(result, image)
    return {
        "seconds": ends[-1] - wall, "cpu_seconds": time.process_time() - processor, "peak_memory_mib": memory.peak_mib(),
        "stages": stages,
    }  # fmt: skip


def _difference(one: str, other: str) -> dict[str, Any]:
    """How far two results are apart, in CIEDE2000."""
    import numpy as np

    apart = ciede2000(np.load(one), np.load(other))
    return {"mean": float(apart.mean()), "median": float(np.median(apart)), "percentile_95": float(np.percentile(apart, 95))}


def ciede2000(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """The color difference at every pixel, float64 [H, W].

    Args:
        one, other: float32 [H, W, 3], sRGB-encoded; clipped to [0, 1], as a screen would.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    return deltaE_ciede2000(rgb2lab(one.clip(0, 1)), rgb2lab(other.clip(0, 1)))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    try:
        print(json.dumps(main(json.loads(sys.argv[1]))))
    except NctError as problem:
        print(json.dumps({"error": str(problem)}))
