"""Pictures for the tests, of every kind that is accepted."""

from __future__ import annotations

import numpy as np


def blobs(seed: int, shape: tuple[int, int], channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """Soft blobs of color with a little noise, [H, W, C] over the whole range of ``dtype``; the top of an alpha channel is 0."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]] / max(shape)
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in noise.uniform(2, 9, (channels, 3))]
    image = np.stack(waves, axis=-1) * 0.4 + 0.5 + noise.uniform(-0.05, 0.05, (*shape, channels))
    if channels in (2, 4):
        image[: shape[0] // 4, :, -1] = 0
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    return (np.clip(image, 0, 1) * scale).astype(dtype)


def smooth(channels: int, dtype: str, height: int = 24, width: int = 31) -> np.ndarray:
    """Gradients in every channel; alpha runs from 0 to 1 too."""
    rows, columns = np.mgrid[0:height, 0:width] / (max(height, width) - 1)
    image = np.stack([rows, columns, 1 - rows, (rows + columns) / 2][:channels], axis=-1)
    if channels == 2:
        image[..., 1] = columns
    return image.astype(np.float32) if dtype == "float32" else np.rint(image * np.iinfo(dtype).max).astype(dtype)


def landscape(
    seed: int,
    shape: tuple[int, int] = (96, 128),
    sky: tuple[float, float, float] = (0.5, 0.7, 0.95),
    ground: tuple[float, float, float] = (0.3, 0.5, 0.2),
    horizon: float = 0.5,
) -> np.ndarray:
    """A textured sky over textured ground, float32 [h, w, 3]."""
    rng = np.random.default_rng(seed)
    out = np.empty((*shape, 3), np.float32)
    line = int(shape[0] * horizon)
    out[:line], out[line:] = sky, ground
    coarse = rng.standard_normal((shape[0] // 8 + 1, shape[1] // 8 + 1))
    texture = np.kron(coarse, np.ones((8, 8)))[: shape[0], : shape[1]]
    out[:line] += 0.03 * texture[:line, :, None]
    out[line:] += 0.08 * rng.standard_normal((shape[0] - line, shape[1], 1))
    return np.clip(out, 0, 1).astype(np.float32)
