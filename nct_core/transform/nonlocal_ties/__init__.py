"""The nonlocal term's graph: ties between similarly colored positions of one feature cluster (paper section 3.3)."""

from __future__ import annotations

import torch

from ...runtime.backend import on_cpu
from ...runtime.progress import Advance, part, unwatched
from ...solver.graph import Graph
from ..clusters import Clusters
from . import kernels_cpu, kernels_torch
from .entries import Entries

_WINDOW = 8  # entries on either side along each curve, or k if that is more
_SHIFTS = (0.0, 0.3)
_CURVE_SPAN = 1.5  # colors, shifted, lie in [0, this)
# 6 bits for the cluster, 3 * 11 for the curve, 22 for the position: the largest working image has 2000 * 2000.
_CURVE_BITS, _POSITION_BITS = 11, 22
_SCATTER = 2654435769  # odd, so that it permutes the positions; 2^32 over the golden ratio spreads them evenly


def nonlocal_graph(
    colors: torch.Tensor, valid: torch.Tensor, clusters: Clusters, *, neighbors: int, weight: float, advance: Advance = unwatched
) -> Graph | None:
    """Ties every position to near colors in its own cluster.

    The weight of a tie from p to q is (weight / neighbors) * exp(1 - ||s_p - s_q||^2 / 3); ties in both directions add up.

    The near colors are the nearest ones in a window along two curves that fill color space (Morton order, and the same after a
    shift): five in six are among the exact k nearest, and the others are hardly farther (ours). Positions of equal color have a
    scattered order along the curve, so that in flat areas the ties spread over the whole cluster.

    Args:
        colors: float32 [h, w, 3], scaled Lab.
        valid: bool [h, w], on the same device; transparent positions get no ties.
        clusters: clusters of the same image, on the same device.
        neighbors: k.
        weight: lambda_nl; 0 means no graph.
        advance: called between the steps of the work.

    Returns:
        The graph over h * w flat positions, or None if it has no edge.
    """
    if weight == 0:
        return None
    shape = (valid.shape[0], valid.shape[1])
    labels, members = clusters.on_grid(shape)
    cluster, position = (members & valid).flatten(1).nonzero().unbind(1)
    near = colors.reshape(-1, 3)[position]
    first, second = (_curve_key(near, cluster, position, shift) for shift in _SHIFTS)
    advance(0.2)
    build = kernels_cpu.ties if on_cpu(colors) else kernels_torch.ties
    entries = Entries(near, cluster, position, labels.flatten()[position] == cluster, (first, second), shape)
    graph = build(entries, neighbors, max(_WINDOW, neighbors), weight / neighbors, part(advance, 0.2, 1.0))
    return graph if graph.neighbors.numel() else None


def _curve_key(colors: torch.Tensor, cluster: torch.Tensor, position: torch.Tensor, shift: float) -> torch.Tensor:
    """Sort keys, int64 [n], all different: by cluster, then along the curve, then scattered."""
    bits, values = torch.arange(_CURVE_BITS, device=colors.device), torch.arange(1 << _CURVE_BITS, device=colors.device)
    spread = (((values[:, None] >> bits) & 1) << (3 * bits)).sum(1)
    cells = ((colors.T + shift) * ((1 << _CURVE_BITS) / _CURVE_SPAN)).clamp(0, (1 << _CURVE_BITS) - 1).int()
    along = spread[cells[0]] | (spread[cells[1]] << 1) | (spread[cells[2]] << 2)
    scattered = (position * _SCATTER) & ((1 << _POSITION_BITS) - 1)
    return (((cluster << (3 * _CURVE_BITS)) | along) << _POSITION_BITS) | scattered
