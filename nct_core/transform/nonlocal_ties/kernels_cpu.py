"""Ties between similar colors, compiled for the CPU (see :mod:`nct_core.transform.nonlocal_ties`)."""

from __future__ import annotations

import numpy as np
import torch

from ...runtime import threads
from ...runtime.compiled import compiled
from ...runtime.progress import Advance, part
from ...solver.graph import Graph
from .entries import Entries

_GRAIN_ENTRIES = 2048


def ties(entries: Entries, count: int, window: int, weight: float, advance: Advance) -> Graph:
    """The graph of :func:`nct_core.transform.nonlocal_ties.nonlocal_graph`.

    Args:
        entries: the positions that may be tied to each other.
        count: k.
        window: number of entries on either side, along each curve, that are compared.
        weight: weight of a tie between equal colors, divided by e.
        advance: called between the steps of the work.
    """
    shape, first_key, second_key = entries.shape, *(key.numpy() for key in entries.keys)
    order = np.argsort(first_key)
    advance(0.2)
    second = np.argsort(second_key[order]).astype(np.int32)
    advance(0.4)
    rank = np.empty_like(second)
    rank[second] = np.arange(len(second), dtype=np.int32)
    own_of, places = entries.own.numpy()[order], entries.position.numpy()[order]
    nodes = places[own_of]
    node_of = np.full(shape[0] * shape[1], -1, np.int32)
    node_of[nodes] = np.arange(len(nodes), dtype=np.int32)
    sorted_entries = entries.colors.numpy()[order], entries.cluster.numpy()[order], own_of, node_of[places]
    found, strengths = np.empty((len(nodes), count), np.int32), np.empty((len(nodes), count), np.float32)
    search = (*sorted_entries, second, rank, window, np.float32(weight), found, strengths)
    threads.over_rows(_nearest, len(order), *search, grain=_GRAIN_ENTRIES, advance=part(advance, 0.4, 0.9))
    starts = np.zeros(len(nodes) + 1, np.int32)
    _count(found, starts)
    np.cumsum(starts, out=starts)
    neighbors, weights = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    _fill(found, strengths, starts[:-1].copy(), neighbors, weights)
    return Graph(*(torch.from_numpy(array) for array in (node_of.reshape(shape), starts, neighbors, weights)))


@compiled(fastmath=True, error_model="numpy")
def _nearest(first, last, colors, cluster, own, node_of, second, rank, window, weight, found, strengths):
    """Finds, for the own entry of every node, the nodes of the nearest colors in its windows along the curves; -1 where there are fewer."""
    total, count = len(own), found.shape[1]
    distance, nearest = np.empty(count, np.float32), np.empty(count, np.int32)
    for i in range(first, last):
        if not own[i]:
            continue
        held = 0
        for curve in range(2):
            at = rank[i] if curve else i
            for near in range(max(at - window, 0), min(at + window + 1, total)):
                j = second[near] if curve else near
                if j == i or cluster[j] != cluster[i] or (curve and abs(j - i) <= window):
                    continue
                apart = np.float32(0.0)
                for c in range(3):
                    gap = colors[j, c] - colors[i, c]
                    apart += gap * gap
                if held == count and apart >= distance[count - 1]:
                    continue
                held = min(held + 1, count)
                place = held - 1
                while place > 0 and distance[place - 1] > apart:
                    distance[place], nearest[place] = distance[place - 1], nearest[place - 1]
                    place -= 1
                distance[place], nearest[place] = apart, j
        node = node_of[i]
        for place in range(count):
            found[node, place] = node_of[nearest[place]] if place < held else -1
            strengths[node, place] = weight * np.exp(np.float32(1.0) - distance[place] / np.float32(3.0)) if place < held else np.float32(0.0)


@compiled()
def _mutual(found, p, q):
    for place in range(found.shape[1]):  # noqa: SIM110  numba does not compile generators
        if found[q, place] == p:
            return True
    return False


@compiled()
def _count(found, starts):
    """Counts the ties of every node, one place later; a tie in both directions is one."""
    for p in range(found.shape[0]):
        for place in range(found.shape[1]):
            q = found[p, place]
            if q >= 0:
                starts[p + 1] += 1
                if not _mutual(found, p, q):
                    starts[q + 1] += 1


@compiled()
def _fill(found, strengths, next_free, neighbors, weights):
    """Writes every tie at both of its ends."""
    for p in range(found.shape[0]):
        for place in range(found.shape[1]):
            q = found[p, place]
            if q >= 0:
                mutual = _mutual(found, p, q)
                neighbors[next_free[p]], weights[next_free[p]] = q, strengths[p, place] * (2 if mutual else 1)
                next_free[p] += 1
                if not mutual:
                    neighbors[next_free[q]], weights[next_free[q]] = p, strengths[p, place]
                    next_free[q] += 1
