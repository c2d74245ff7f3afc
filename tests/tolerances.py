"""The one table of tolerances: how far rounding alone may take two ways of computing the same thing."""

import numpy as np

ROUNDING = {
    np.dtype(np.uint8): 1.0 / 255 + 1e-6,
    np.dtype(np.uint16): 2.0 / 65535 + 1e-7,
    np.dtype(np.float32): 2e-5,
    np.dtype(np.float64): 1e-10,
}
