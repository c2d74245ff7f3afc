"""The dot product of two patches as vector instructions, against the same sum in numpy."""

import numpy as np
import pytest
from numba import njit

from nct_core.matching.patchmatch.dot_cpu import LANES, patch_dot, row_dot


@njit
def _call(rows, ours, our_line, theirs, their_line, count):
    if rows == 3:
        return patch_dot(ours, our_line, theirs, their_line, count)
    return row_dot(ours, our_line, theirs, their_line, count)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("count", [LANES, 3 * LANES, 12 * LANES])
def test_the_sum_is_that_of_whole_numbers(rows: int, count: int) -> None:
    rng = np.random.default_rng(count + rows)
    ours, theirs = rng.integers(-900, 900, (5, 400), np.int16), rng.integers(-900, 900, (7, 300), np.int16)
    bytes_of_a_row = ours.strides[0], theirs.strides[0]
    found = _call(rows, ours.ctypes.data + bytes_of_a_row[0] + 2 * 7, 400, theirs.ctypes.data + 2 * bytes_of_a_row[1] + 2 * 3, 300, count)
    expected = (ours[1 : 1 + rows, 7 : 7 + count].astype(np.int64) * theirs[2 : 2 + rows, 3 : 3 + count]).sum()
    assert found == expected


def test_sums_near_the_limit_of_31_bits_are_right_with_both_signs() -> None:
    ours = np.full(2 * LANES, 7680, np.int16)
    for theirs in (ours, -ours):
        assert _call(1, ours.ctypes.data, 0, theirs.ctypes.data, 0, 2 * LANES) == (ours.astype(np.int64) * theirs).sum()
