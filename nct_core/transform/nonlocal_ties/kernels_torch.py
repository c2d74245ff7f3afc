"""Ties between similar colors on any torch device; the arguments are explained in :mod:`nct_core.transform.nonlocal_ties.kernels_cpu`."""

from __future__ import annotations

import torch

from ...runtime.progress import Advance
from ...solver.graph import Graph
from .entries import Entries

_CHUNK_ENTRIES = 1 << 16  # bounds the memory


def ties(entries: Entries, count: int, window: int, weight: float, advance: Advance) -> Graph:
    """The graph of :func:`nct_core.transform.nonlocal_ties.nonlocal_graph`."""
    order = torch.argsort(entries.keys[0])
    colors, cluster, position, own = (plane[order] for plane in (entries.colors, entries.cluster, entries.position, entries.own))
    second, shape = torch.argsort(entries.keys[1][order]), entries.shape
    rank = torch.empty_like(second)
    rank[second] = torch.arange(len(second), device=second.device)
    offsets = torch.arange(-window, window + 1, device=second.device)
    heads, tails, strengths = [], [], []
    for queries in own.nonzero()[:, 0].split(_CHUNK_ENTRIES):
        along, across = queries[:, None] + offsets, rank[queries][:, None] + offsets
        candidates = torch.cat([along.clamp(0, len(order) - 1), second[across.clamp(0, len(order) - 1)]], 1)
        inside = torch.cat([along, across], 1)
        fresh = torch.cat([offsets.expand_as(along) != 0, (candidates[:, along.shape[1] :] - queries[:, None]).abs() > window], 1)
        usable = (inside >= 0) & (inside < len(order)) & fresh & (cluster[candidates] == cluster[queries][:, None])
        apart = (colors[candidates] - colors[queries][:, None]).square().sum(-1).masked_fill(~usable, torch.inf)
        distance, place = apart.topk(min(count, apart.shape[1]), largest=False)
        found = distance.isfinite()
        heads.append(queries[:, None].expand_as(found)[found])
        tails.append(candidates.gather(1, place)[found])
        strengths.append(weight * torch.exp(1.0 - distance[found] / 3.0))
        advance(0.5)
    nodes = position[own]
    node_of = torch.full((shape[0] * shape[1],), -1, device=nodes.device)
    node_of[nodes] = torch.arange(len(nodes), device=nodes.device)
    head, tail, strength = node_of[position[torch.cat(heads)]], node_of[position[torch.cat(tails)]], torch.cat(strengths)
    both = torch.cat([head, tail])
    order = torch.argsort(both, stable=True)
    starts = torch.zeros(len(nodes) + 1, dtype=torch.int32, device=nodes.device)
    starts[1:] = torch.bincount(both, minlength=len(nodes)).cumsum(0)
    return Graph(node_of.int().view(shape), starts, torch.cat([tail, head])[order].int(), torch.cat([strength, strength])[order])
