"""What a device must at least move and compute in each stage, against what it took: where a GPU is used badly.

The counts follow from the shapes alone. Bytes are those of float32 data that leave or enter the multiprocessors if no cache helps, so a stage
that lives in a cache can be faster than its bound.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from nct_core.contract.params import TransferParams
from nct_core.features import vgg
from nct_core.features.pyramid import COARSEST
from nct_core.matching.patchmatch import plan
from nct_core.matching.patchmatch.problem import JUMPS
from nct_core.pixels.grids import Shape
from nct_core.pixels.working import working_shape

from .machine import synchronize

_SYSTEM_FLOATS = 9 + 2 + 4 * 6  # blocks, edges; unknowns, right-hand side, residual, direction of one solver step
_SOLVER_STEPS = 10 * 8  # about ten rounds, each some eight passes over the system: products, sweeps and coarser grids


def table(device: torch.device, source: Shape, references: Sequence[Shape], seconds: Mapping[str, float], backbone: str) -> dict[str, Any]:
    """Bounds and measured times of a transfer with the default parameters.

    Args:
        device: what it ran on; its bandwidth and arithmetic are measured.
        source, references: (rows, columns) of the pictures.
        seconds: measured, by stage (see :class:`nct_bench.stages.StageClock`).
        backbone: "VGG-16" or "VGG-19".

    Returns:
        The device's measured bytes and flops a second, and for each stage its bytes, flops, least and measured seconds.
    """
    bytes_per_second, flops_per_second = _bandwidth(device), _arithmetic(device)
    rows = []
    for stage, (moved, flops) in work(source, references, backbone).items():
        least = max(moved / bytes_per_second, flops / flops_per_second)
        rows.append({"stage": stage, "bytes": moved, "flops": flops, "least_seconds": least, "seconds": seconds.get(stage, 0.0)})
    return {"bytes_per_second": bytes_per_second, "flops_per_second": flops_per_second, "stages": rows}


def work(source: Shape, references: Sequence[Shape], backbone: str) -> dict[str, tuple[float, float]]:
    """Stage -> (bytes, floating-point operations)."""
    params = TransferParams()
    here, there = working_shape(source, params.working_size), [working_shape(shape, params.working_size) for shape in references]
    cells = {level: here[0] * here[1] / 4 ** (level - 1) for level in range(1, COARSEST + 1)}
    other = {level: sum(h * w for h, w in there) / 4 ** (level - 1) for level in cells}
    network = [_network(cells[1], level, backbone) for level in cells] + [_network(other[1], COARSEST, backbone)]
    matching, voting, solving = 0.0, 0.0, 0.0
    for level, channels in ((first.block, first.outputs) for first in vgg.convolutions(backbone) if first.first):
        search = plan(level, max(*here, *(side for shape in there for side in shape)), params)
        tries = search.iterations * (4 * len(JUMPS) + len(search.radii))
        positions = cells[level] * len(there) + other[level]  # both directions
        matching += positions * tries * 9 * channels
        voting += positions * 9 * channels
        solving += cells[level]
    scale = 4 * _SYSTEM_FLOATS * _SOLVER_STEPS
    pixels = source[0] * source[1]
    return {
        "network": (sum(moved for moved, _ in network), sum(flops for _, flops in network)),
        "matching": (4 * matching, 2 * matching),
        "voting": (4 * voting, 2 * voting),
        "fit": (solving * scale, solving * scale / 2),
        "upsampling": (COARSEST * cells[1] * scale, COARSEST * cells[1] * scale / 2),
        "application": (pixels * 4 * (3 + 3), pixels * 200.0),
    }


def _network(pixels: float, level: int, backbone: str) -> tuple[float, float]:
    """Bytes and operations from the image to relu{level}_1."""
    moved, flops = 0.0, 0.0
    for convolution in vgg.convolutions(backbone):
        positions, inputs, outputs = pixels / 4 ** (convolution.block - 1), convolution.inputs, convolution.outputs
        flops += positions * 2 * 9 * inputs * outputs
        moved += 4 * (positions * (inputs + outputs) + 9 * inputs * outputs)
        if convolution.first and convolution.block == level:
            break
    return moved, flops


def _bandwidth(device: torch.device) -> float:
    """Bytes a second of a large copy, read and written."""
    block = torch.zeros(1 << 26, device=device)
    return 2 * 4 * block.numel() / _least_seconds(lambda: block.clone(), device)


def _arithmetic(device: torch.device) -> float:
    """Operations a second of a large float32 matrix product."""
    side = 4096 if device.type != "cpu" else 512
    matrix = torch.zeros(side, side, device=device)
    return 2 * side**3 / _least_seconds(lambda: matrix @ matrix, device)


def _least_seconds(work: Any, device: torch.device) -> float:
    times = []
    for _ in range(6):
        start = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])
