"""Moves the palette of a look's result to the reference's: for contents that are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STRETCH = (0.5, 2.0)  # bounds on how far colors are drawn together or apart along any direction
_FLOOR = 2.0  # standard deviation of a and b that any picture is taken to have at least


def palette_map(result: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The linear map of chromaticities that carries the mean and covariance of one picture to another's.

    It is the Monge-Kantorovich map of two Gaussians [1]_, with its stretches bounded.

    Args:
        result: float32 [N, 3], CIE L*a*b* of the picture to be changed.
        reference: float32 [M, 3].

    Returns:
        ``matrix`` float64 [2, 2] and ``shift`` float64 [2]: (a, b) becomes ``matrix @ (a, b) + shift``.

    References:
        .. [1] F. Pitié and A. Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007.

    Example:
        >>> colors = np.random.default_rng(0).normal(size=(1000, 3)) * 20
        >>> matrix, shift = palette_map(colors, colors + (0, 5, -3))
        >>> matrix.round(6).tolist(), shift.round(6).tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [5.0, -3.0])
    """
    a, b = result[:, 1:].astype(np.float64), reference[:, 1:].astype(np.float64)
    floor = _FLOOR**2 * np.eye(2)
    covariance_a, covariance_b = (x.T @ x / len(x) + floor for x in (a - a.mean(0), b - b.mean(0)))
    root = _power(covariance_a, 0.5)
    inverse = _power(covariance_a, -0.5)
    matrix = inverse @ _power(root @ covariance_b @ root, 0.5) @ inverse
    stretches, directions = np.linalg.eigh(matrix)
    matrix = directions * np.clip(stretches, *_STRETCH) @ directions.T
    return matrix, b.mean(0) - matrix @ a.mean(0)


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.maximum(values, 1e-12) ** exponent @ vectors.T
