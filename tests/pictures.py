"""Pictures for the tests, of every kind that is accepted."""

from __future__ import annotations

import numpy as np


def blobs(seed: int, shape: tuple[int, int], channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """Soft blobs of colour with a little noise, [H, W, C] over the whole range of ``dtype``; the top of an alpha channel is 0."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]] / max(shape)
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in noise.uniform(2, 9, (channels, 3))]
    image = np.stack(waves, axis=-1) * 0.4 + 0.5 + noise.uniform(-0.05, 0.05, (*shape, channels))
    if channels in (2, 4):
        image[: shape[0] // 4, :, -1] = 0
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    return (np.clip(image, 0, 1) * scale).astype(dtype)
