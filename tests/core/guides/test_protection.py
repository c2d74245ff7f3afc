"""Protected regions: wholly kept inside, softly left outside, and not beyond an edge."""

import numpy as np
import torch

from nct_core import Pin, Protect
from nct_core.guides.protection import protected, softened


def test_regions_are_put_together() -> None:
    masks = np.zeros((2, 20, 30), np.float32)
    masks[0, :5], masks[1, :, :4] = 1.0, 0.6
    kept = protected([Protect(masks[0]), Pin((0.5, 0.5), (0.5, 0.5)), Protect(masks[1])])
    assert kept is not None and kept[:5].all() and kept[:, :4].all() and not kept[5:, 4:].any()
    assert protected([Pin((0.5, 0.5), (0.5, 0.5))]) is None


def test_around_a_region_the_new_colors_set_in_softly() -> None:
    kept = np.zeros((200, 300), bool)
    kept[:, :100] = True
    weight = softened(kept, torch.full((100, 150), 0.5))  # half the size
    row = weight[50]
    assert (row[:51] == 1).all() and row[80:].max() == 0 and (row.diff() <= 1e-6).all() and row.diff().abs().max() < 0.35


def test_an_edge_ends_what_is_kept() -> None:
    kept = np.zeros((100, 150), bool)
    kept[:, :50] = True
    lightness = torch.full((100, 150), 0.3)
    lightness[:, 52:] = 0.8
    row = softened(kept, lightness)[50]
    assert (row[:50] == 1).all() and row[54:].max() < 0.2
