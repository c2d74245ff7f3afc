"""Edges between any two positions of a grid."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Graph:
    """Undirected weighted edges between positions, each stored from both of its ends (compressed rows).

    Attributes:
        node_of: int32 [h, w], the node at every position, -1 for none. The order of nodes is free; nodes that share an edge should be near
            each other.
        starts: int32 [n + 1]; the edges of node p are ``starts[p] : starts[p + 1]``.
        neighbors: int32 [edges], the node at the other end.
        weights: float32 [edges], positive.
    """

    node_of: torch.Tensor
    starts: torch.Tensor
    neighbors: torch.Tensor
    weights: torch.Tensor

    @functools.cached_property
    def positions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Row and column of every node, int64 [n] each."""
        row, col = (self.node_of >= 0).nonzero().unbind(1)
        order = self.node_of[row, col].argsort()
        return row[order], col[order]

    @functools.cached_property
    def scratch(self) -> torch.Tensor:
        """float32 [2, n, 8] that a multiplication works in; its last two columns stay zero."""
        return self.weights.new_zeros(2, self.starts.shape[0] - 1, 8)
