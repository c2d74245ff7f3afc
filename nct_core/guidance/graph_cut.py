"""Minimum cuts on grids by augmenting paths (Boykov and Kolmogorov, "An experimental comparison of min-cut/max-flow algorithms", 2004), compiled.

Positions of an [h, w] grid are numbered row by row. An edge in direction 0, 1, 2, 3 leads to the right, left, lower, upper
neighbor; ``direction ^ 1`` leads back.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..runtime.compiled import compiled

_FREE, _SOURCE, _SINK = 0, 1, 2
# A position's parent, if it is not a direction.
_TERMINAL, _NONE, _ORPHAN = 4, 5, 6


def minimum_cut(terminal: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Finds the side of the minimum cut on which each position lies.

    Args:
        terminal: int64 [h, w], cost of a position on the source's side minus its cost on the sink's side.
        edges: int64 [h, w, 4], >= 0, the cost if a position lies on the source's side and its right, left, lower, upper
            neighbor on the sink's side. Edges that lead out of the grid have to be 0.

    Returns:
        bool [h, w], True on the sink's side; positions that may lie on either are on the source's.
    """
    height, width = terminal.shape
    return _cut(-terminal.ravel(), edges.reshape(-1, 4).copy(), np.array([1, -1, width, -width])).reshape(height, width)


@compiled()
def _cut(excess, capacity, steps):
    """Flow from source to sink; ``excess`` (> 0 from the source, < 0 to the sink) and ``capacity`` become residuals."""
    count = excess.shape[0]
    tree, parent = np.zeros(count, np.int8), np.full(count, _NONE, np.int8)
    # Distance to the terminal; correct only if it was found at the time in ``stamp``.
    distance, stamp = np.zeros(count, np.int32), np.zeros(count, np.int32)
    queue, queued = np.empty(count + 1, np.int32), np.zeros(count, np.bool_)
    orphans = np.empty(count + 1, np.int32)
    head = tail = 0
    for p in range(count):
        if excess[p] != 0:
            tree[p] = _SOURCE if excess[p] > 0 else _SINK
            parent[p], distance[p] = _TERMINAL, 1
            queue[tail], queued[p] = p, True
            tail += 1
    time = np.int32(0)
    while head != tail:
        p = queue[head]
        if tree[p] == _FREE:
            queued[p] = False
            head = head + 1 if head < count else 0
            continue
        # Growth: p takes in free neighbors until it meets the other tree.
        meeting = -1
        for d in range(4):
            forward = capacity[p, d] if tree[p] == _SOURCE else np.int64(0)
            q = p + steps[d]
            if tree[p] == _SINK and 0 <= q < count:
                forward = capacity[q, d ^ 1]
            if forward <= 0:
                continue
            if tree[q] == _FREE:
                tree[q], parent[q], distance[q], stamp[q] = tree[p], d ^ 1, distance[p] + 1, stamp[p]
                if not queued[q]:
                    queue[tail], queued[q] = q, True
                    tail = tail + 1 if tail < count else 0
            elif tree[q] != tree[p]:
                meeting = d
                break
            elif stamp[q] <= stamp[p] and distance[q] > distance[p] + 1:
                parent[q], distance[q], stamp[q] = d ^ 1, distance[p] + 1, stamp[p]
        if meeting < 0:
            queued[p] = False
            head = head + 1 if head < count else 0
            continue
        time += np.int32(1)
        q = p + steps[meeting]
        if tree[p] == _SOURCE:
            orphaned = _augment(p, q, meeting, excess, capacity, steps, parent, orphans)
        else:
            orphaned = _augment(q, p, meeting ^ 1, excess, capacity, steps, parent, orphans)
        tail = _adopt(orphaned, orphans, time, capacity, steps, tree, parent, distance, stamp, queue, queued, tail)
    return tree == _SINK


@njit(inline="always")
def _residual(p, d, tree, capacity, steps):
    """What can still flow from p's neighbor in direction d to p in the source's tree, or from p to it in the sink's."""
    return capacity[p + steps[d], d ^ 1] if tree == _SOURCE else capacity[p, d]


@compiled()
def _augment(p, q, meeting, excess, capacity, steps, parent, orphans):
    """Pushes what fits along source -> p -> q -> sink; lists the positions that this cuts off and returns their number."""
    bottleneck = capacity[p, meeting]
    i = p
    while parent[i] != _TERMINAL:
        d = parent[i]
        i += steps[d]
        bottleneck = min(bottleneck, capacity[i, d ^ 1])
    bottleneck = min(bottleneck, excess[i])
    i = q
    while parent[i] != _TERMINAL:
        d = parent[i]
        bottleneck = min(bottleneck, capacity[i, d])
        i += steps[d]
    bottleneck = min(bottleneck, -excess[i])

    orphaned = 0
    capacity[p, meeting] -= bottleneck
    capacity[q, meeting ^ 1] += bottleneck
    i = p
    while parent[i] != _TERMINAL:
        d = parent[i]
        j = i + steps[d]
        capacity[j, d ^ 1] -= bottleneck
        capacity[i, d] += bottleneck
        if capacity[j, d ^ 1] == 0:
            parent[i] = _ORPHAN
            orphans[orphaned] = i
            orphaned += 1
        i = j
    excess[i] -= bottleneck
    if excess[i] == 0:
        parent[i] = _ORPHAN
        orphans[orphaned] = i
        orphaned += 1
    i = q
    while parent[i] != _TERMINAL:
        d = parent[i]
        j = i + steps[d]
        capacity[i, d] -= bottleneck
        capacity[j, d ^ 1] += bottleneck
        if capacity[i, d] == 0:
            parent[i] = _ORPHAN
            orphans[orphaned] = i
            orphaned += 1
        i = j
    excess[i] += bottleneck
    if excess[i] == 0:
        parent[i] = _ORPHAN
        orphans[orphaned] = i
        orphaned += 1
    return orphaned


@compiled()
def _adopt(orphaned, orphans, time, capacity, steps, tree, parent, distance, stamp, queue, queued, tail):
    """Finds new parents for orphans, or frees them; returns the new end of the queue."""
    count, size = tree.shape[0], orphans.shape[0]
    first, last = 0, orphaned
    while first != last:
        p = orphans[first]
        first = first + 1 if first < size - 1 else 0
        best, best_distance = _NONE, np.int32(2**30)
        for d in range(4):
            q = p + steps[d]
            if not 0 <= q < count or tree[q] != tree[p] or _residual(p, d, tree[p], capacity, steps) <= 0:
                continue
            reached = _distance_to_terminal(q, time, steps, parent, distance, stamp)
            if 0 < reached < best_distance:
                best, best_distance = d, reached
        if best != _NONE:
            parent[p], distance[p], stamp[p] = best, best_distance + 1, time
            continue
        for d in range(4):
            q = p + steps[d]
            if not 0 <= q < count or tree[q] != tree[p]:
                continue
            if _residual(p, d, tree[p], capacity, steps) > 0 and not queued[q]:
                queue[tail], queued[q] = q, True
                tail = tail + 1 if tail < count else 0
            if parent[q] < 4 and parent[q] == d ^ 1:
                parent[q] = _ORPHAN
                orphans[last] = q
                last = last + 1 if last < size - 1 else 0
        tree[p], parent[p] = _FREE, _NONE
    return tail


@compiled()
def _distance_to_terminal(q, time, steps, parent, distance, stamp):
    """Steps from q to its terminal, or -1 if q hangs on an orphan; marks the way with them."""
    steps_taken, i = np.int32(0), q
    while True:
        if stamp[i] == time:
            steps_taken += distance[i]
            break
        if parent[i] == _TERMINAL:
            steps_taken += np.int32(1)
            stamp[i], distance[i] = time, np.int32(1)
            break
        if parent[i] >= 4:
            return np.int32(-1)
        steps_taken += np.int32(1)
        i += steps[parent[i]]
    total, i = steps_taken, q
    while stamp[i] != time:
        stamp[i], distance[i] = time, steps_taken
        steps_taken -= np.int32(1)
        i += steps[parent[i]]
    return total
