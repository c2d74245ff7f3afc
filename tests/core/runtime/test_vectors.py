import numpy as np
from numba import njit

from nct_core.runtime.compiled import parts_digest
from nct_core.runtime.vectors import LANES, filled, larger, load, load_everywhere, store


@njit
def _arithmetic(a, b, out):
    x, y = load(a, 1), load(b, 2)
    store(out, 0, x + y)
    store(out, LANES, x - y)
    store(out, 2 * LANES, x * y)
    store(out, 3 * LANES, larger(x, y))
    store(out, 4 * LANES, filled(np.float32(0.5)))
    store(out, 5 * LANES, load_everywhere(a, 3))


def test_vectors_compute_as_numpy_does():
    values = np.random.default_rng(0).normal(size=(2, LANES + 2)).astype(np.float32)
    x, y = values[0, 1 : LANES + 1], values[1, 2:]
    out = np.full((7, LANES), -1, np.float32)
    _arithmetic(values[0], values[1], out)
    expected = [x + y, x - y, x * y, np.maximum(x, y), np.full(LANES, 0.5), np.full(LANES, values[0, 3]), np.full(LANES, -1)]
    np.testing.assert_array_equal(out, np.array(expected, np.float32))


def test_the_code_of_the_vectors_is_part_of_what_a_kernel_depends_on(monkeypatch):
    before = parts_digest(_arithmetic.py_func)
    monkeypatch.setattr("nct_core.runtime.compiled._file_digest", lambda path: "changed" if path.endswith("vectors.py") else "same")
    changed = parts_digest(_arithmetic.py_func)
    monkeypatch.setattr("nct_core.runtime.compiled._file_digest", lambda path: "same")
    assert len({before, changed, parts_digest(_arithmetic.py_func)}) == 3
