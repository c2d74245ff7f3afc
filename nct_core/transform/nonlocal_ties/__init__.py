"""The nonlocal term's graph: ties between similarly colored positions of one feature cluster (paper section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...runtime.progress import Advance, part, unwatched
from ...solver.graph import Graph
from ..clusters import Clusters
from . import kernels_cpu, kernels_torch

_WINDOW = 8  # entries on either side along each curve, or k if that is more
_SHIFTS = (0.0, 0.3)
_CURVE_SPAN = 1.5  # colors, shifted, lie in [0, this)
# 6 bits for the cluster, 3 * 11 for the curve, 22 for the position: the largest working image has 2000 * 2000.
_CURVE_BITS, _POSITION_BITS = 11, 22
_SCATTER = 2654435769  # odd, so that it only permutes the positions; 2^32 over the golden ratio spreads them


def nonlocal_graph(
    colors: torch.Tensor, valid: NDArray[np.bool_], clusters: Clusters, *, neighbors: int, weight: float, advance: Advance = unwatched
) -> Graph | None:
    """Ties every position to near colors in its own cluster.

    The weight of a tie from p to q is (weight / neighbors) * exp(1 - ||s_p - s_q||^2 / 3); ties in both directions add up.

    The near colors are the nearest ones in a window along two curves that fill color space (Morton's order, and the same after a
    shift): five in six are among the exact k nearest, and the others are hardly farther (ours). Positions of equal color stand along
    the curve in an order without pattern: in flat areas they are tied all over the cluster, not to whichever comes first.

    Args:
        colors: float32 [h, w, 3], scaled Lab.
        valid: bool [h, w]; transparent positions are left out.
        clusters: of the same image.
        neighbors: k.
        weight: lambda_nl; 0 means no graph.
        advance: called between the steps of the work.

    Returns:
        The graph over h * w flat positions, or None if it has no edge.
    """
    if weight == 0:
        return None
    shape = (valid.shape[0], valid.shape[1])
    labels, members = (torch.from_numpy(array).to(colors.device) for array in clusters.on_grid(shape))
    members &= torch.from_numpy(valid).to(colors.device)
    cluster, position = members.flatten(1).nonzero().unbind(1)
    entries = colors.reshape(-1, 3)[position]
    own = labels.flatten()[position] == cluster
    keys = []
    for shift in _SHIFTS:
        keys.append(_curve_key(entries, cluster, position, shift))
        advance(0.1 * len(keys))
    build = kernels_cpu.ties if colors.device.type == "cpu" else kernels_torch.ties
    graph = build(entries, cluster, position, own, keys, neighbors, max(_WINDOW, neighbors), weight / neighbors, shape, part(advance, 0.2, 1.0))
    return graph if graph.neighbors.numel() else None


def _curve_key(colors: torch.Tensor, cluster: torch.Tensor, position: torch.Tensor, shift: float) -> torch.Tensor:
    """int64 [n], all different: by cluster, then along the curve, then without pattern."""
    bits, values = torch.arange(_CURVE_BITS, device=colors.device), torch.arange(1 << _CURVE_BITS, device=colors.device)
    spread = (((values[:, None] >> bits) & 1) << (3 * bits)).sum(1)
    cells = ((colors.T + shift) * ((1 << _CURVE_BITS) / _CURVE_SPAN)).clamp(0, (1 << _CURVE_BITS) - 1).int()
    along = spread[cells[0]] | (spread[cells[1]] << 1) | (spread[cells[2]] << 2)
    scattered = (position * _SCATTER) & ((1 << _POSITION_BITS) - 1)
    return (((cluster << (3 * _CURVE_BITS)) | along) << _POSITION_BITS) | scattered
