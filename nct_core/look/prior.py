"""The learned prior: two pictures' statistics to a table of colors. ``tools/train_look`` makes its weights.

A small network reads both statistics ``r`` and ``s`` (reference, source) and answers with coefficients of a learned basis of tables::

    coefficients = head(code(r) - code(s), code(s)) - head(0, code(s))

so that pictures of equal statistics give exactly the identity.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from .layers import FURTHEST, gelu, linear
from .table import SIDE, identity_table, interpolate

WEIGHTS = Path(__file__).with_name("prior.safetensors")


@cache
def _weights() -> dict[str, NDArray[np.float64]]:
    return {name: values.astype(np.float64) for name, values in load_file(WEIGHTS).items()}


def predict_table(reference: NDArray[np.float64], source: NDArray[np.float64], undo: float) -> NDArray[np.float32]:
    """Predicts the transform that gives the source the reference's look.

    Args:
        reference: float64 [459], ``color_statistics`` of the reference.
        source: float64 [459], of the source.
        undo: 0 takes the source's own colors as what it shows; 1 takes away the look that it seems to have.

    Returns:
        float32 [17, 17, 17, 3], sRGB by sRGB; it may leave [0, 1] where colors clip. Equal statistics give the identity.

    Example:
        >>> numbers = np.zeros(459)
        >>> bool((predict_table(numbers, numbers, 0.5) == identity_table()).all())
        True
    """
    weights = _weights()

    def code(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return gelu(linear(weights, "code", np.clip((x - weights["mean"]) / weights["deviation"], -FURTHEST, FURTHEST)))

    source_code = code(source)
    coefficients = _head(weights, code(reference) - source_code, source_code, undo) - _head(weights, np.zeros_like(source_code), source_code, undo)
    coarse = (weights["basis"] * coefficients[:, None]).sum(0)
    side = round((len(coarse) // 3) ** (1 / 3))
    fine = identity_table()
    return fine + interpolate(coarse.reshape(side, side, side, 3), fine.reshape(-1, 3)).reshape(SIDE, SIDE, SIDE, 3)


def _head(weights: dict[str, NDArray[np.float64]], difference: NDArray[np.float64], source: NDArray[np.float64], undo: float) -> NDArray[np.float64]:
    x = np.concatenate([difference, source, [undo]])
    return linear(weights, "head.2", gelu(linear(weights, "head.1", gelu(linear(weights, "head.0", x)))))
