"""Moves matches that guides do not allow to where they do, before a level is searched (ours).

Matches stay near those of the coarser level, whose cells a border between regions crosses. A place on the wrong side of it takes the match of the
nearest place of its class that has an allowed one, moved along.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..pixels.resample import resize
from .classes import Classes

_OPEN = 0.5


def repaired(forward: torch.Tensor, backward: torch.Tensor, classes: Classes) -> tuple[torch.Tensor, torch.Tensor]:
    """Repairs the fields of both directions; pins have a say in the first only.

    Args:
        forward: int32 [h, w, 2] into (H, W), source to reference.
        backward: int32 [H, W, 2] into (h, w).
        classes: the guides.

    Returns:
        The fields, on the same device.
    """
    grid, to_grid = (forward.shape[0], forward.shape[1]), (backward.shape[0], backward.shape[1])
    forward = _repair(forward, resize(classes.source, grid), resize(classes.reference, to_grid))
    mutual = classes.unpinned
    if mutual is not None:
        backward = _repair(backward, resize(mutual.reference, to_grid), resize(mutual.source, grid))
    return forward, backward


def _repair(field: torch.Tensor, own: torch.Tensor, open_to: torch.Tensor) -> torch.Tensor:
    """Repairs one field, given the classes of where it begins, [h, w, K], and whether each is allowed where it leads, [H, W, K]."""
    matches, kind, allowed = field.cpu().numpy().copy(), own.argmax(-1).cpu().numpy(), (open_to > _OPEN).cpu().numpy()
    for index in np.unique(kind).tolist():
        members, there = kind == index, allowed[..., index]
        right = members & there[matches[..., 0], matches[..., 1]]
        if there.any() and (wrong := members & ~right).any():
            matches[wrong] = _from_nearest(matches, right, wrong, there) if right.any() else _moved(matches[wrong], there)
    return torch.from_numpy(matches).to(field.device)


def _from_nearest(matches: NDArray[np.int32], right: NDArray[np.bool_], wrong: NDArray[np.bool_], there: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The matches of the nearest places that are right, moved by the distance from them where that leads to an allowed place."""
    nearest = np.stack(distance_transform_edt(~right, return_distances=False, return_indices=True), -1)[wrong]
    taken = matches[nearest[:, 0], nearest[:, 1]]
    moved = np.clip(taken + np.argwhere(wrong) - nearest, 0, np.array(there.shape) - 1)
    found: NDArray[np.int32] = np.where(there[moved[:, 0], moved[:, 1]][:, None], moved, taken).astype(np.int32)
    return found


def _moved(matches: NDArray[np.int32], there: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The allowed places that are nearest to the matches."""
    nearest = np.stack(distance_transform_edt(~there, return_distances=False, return_indices=True), -1)
    found: NDArray[np.int32] = nearest[matches[:, 0], matches[:, 1]].astype(np.int32)
    return found
