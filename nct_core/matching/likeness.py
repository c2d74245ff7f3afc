"""How far matched places show the same kind of thing, as absolute figures that compare across pairs of pictures (ours).

The confidence of the voting (paper section 3.2) is rescaled over each image and so says nothing about the pair as a whole. Here the features of
the coarsest level are compared as they are, and so is the *structure*: whether a place relates to the rest of its picture as its match does to the
other matches. Light and weather change the features of both pictures, but hardly this.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..pixels.grids import nearest_cells, on_grid
from .field import Field
from .patch_similarity import comparison_grid


@dataclass(frozen=True)
class Likeness:
    """Two figures per position of the source's coarsest grid.

    Attributes:
        similarity: float32 [h, w], cosine of the features of a place and of its match, [-1, 1]; unrelated pictures reach 0.2 to 0.4.
        structure: float32 [h, w], correlation of the place's similarities to all places with its match's similarities to their matches, [-1, 1].
    """

    similarity: torch.Tensor
    structure: torch.Tensor


def likeness(source: torch.Tensor, reference: torch.Tensor, field: Field) -> Likeness:
    """Compares every place with its match.

    Args:
        source, reference: int16 [h, w, C] and [H, W, C], what the coarsest level is compared by, on one device.
        field: int32 [h, w, 2] into (H, W), on the same device.

    Returns:
        The likeness, found on the grid of comparison (at most 48 cells a side) and carried to the field's.

    Example:
        >>> features = torch.randint(-99, 99, (6, 8, 32), generator=torch.Generator().manual_seed(0), dtype=torch.int16)
        >>> rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
        >>> found = likeness(features, features, torch.stack([rows, columns], -1).int())
        >>> bool(found.similarity.min() > 0.999 and found.structure.min() > 0.999)
        True
    """
    shape = (source.shape[0], source.shape[1])
    grid = comparison_grid(shape)
    rows, columns = (torch.from_numpy(axis) for axis in nearest_cells(grid, shape))
    device, source, reference, field = source.device, source.cpu(), reference.cpu(), field.cpu()  # small, and not every device has float64
    own = _unit(source[rows][:, columns].flatten(0, 1))
    match_row, match_column = field[rows][:, columns].long().flatten(0, 1).unbind(-1)
    theirs = _unit(reference[match_row, match_column])
    similarity = (own * theirs).sum(-1)
    mean = _unit(reference.flatten(0, 1)).mean(0)
    own, theirs = _unit(own - own.mean(0)), _unit(theirs - mean)
    relations, matched_relations = _centered(own @ own.T), _centered(theirs @ theirs.T)
    structure = (relations * matched_relations).sum(1) / (relations.square().sum(1) * matched_relations.square().sum(1) + 1e-9).sqrt()
    return Likeness(*(on_grid(plane.reshape(grid).float(), shape).to(device) for plane in (similarity, structure)))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Scaled to length 1, in float64: the order in which a product adds is then far below what decides."""
    vectors = vectors.double()
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def _centered(matrix: torch.Tensor) -> torch.Tensor:
    return matrix - matrix.mean(1, keepdim=True)
