"""Pictures to measure with: made ones, which are the same everywhere, or photographs of the user's.

A made picture is a landscape of fractal noise: a sky with clouds, ridges one behind the other and stones on the ground, each with a
grain of its own. Like a photograph it has soft and rough parts, sharp edges between them, detail at every scale and counterparts in the
other pictures, so matching and solving find the work that they find there. Ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nct_core.files.color_space import to_srgb
from nct_core.files.picture import Picture
from nct_core.files.read import read_picture
from nct_core.files.write import write_picture

Size = tuple[int, int]
_PALETTES = (  # sky above, sky below, then from the farthest ridge to the ground
    ((0.33, 0.50, 0.80), (0.82, 0.86, 0.92), (0.50, 0.56, 0.62), (0.35, 0.36, 0.30), (0.22, 0.34, 0.15), (0.42, 0.48, 0.20)),
    ((0.62, 0.46, 0.56), (0.98, 0.72, 0.45), (0.52, 0.40, 0.46), (0.36, 0.22, 0.18), (0.45, 0.25, 0.10), (0.72, 0.52, 0.24)),
    ((0.70, 0.76, 0.80), (0.93, 0.94, 0.95), (0.68, 0.72, 0.76), (0.34, 0.38, 0.42), (0.52, 0.54, 0.55), (0.86, 0.88, 0.92)),
    ((0.07, 0.09, 0.24), (0.34, 0.28, 0.50), (0.14, 0.16, 0.30), (0.06, 0.08, 0.14), (0.08, 0.17, 0.18), (0.24, 0.26, 0.14)),
)
_STONES = 150
_ROUGHNESS = (0.10, 0.10, 0.15, 0.25, 0.35, 0.45)  # contrast of the grain of each part


def made(number: int, size: Size) -> NDArray[np.uint8]:
    """Makes picture ``number`` (0 is the source) of ``size`` (width, height): uint8 [H, W, 3], sRGB."""
    width, height = size
    random = np.random.default_rng(number)
    palette = np.array(_PALETTES[number % len(_PALETTES)], np.float32)
    rows = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    clouds, grain = _clouds(random, size, -1.0), _clouds(random, size, -0.3)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = palette[0] + (rows / 0.5).clip(0, 1)[..., None] * (palette[1] - palette[0])
    picture += (0.25 * clouds + _ROUGHNESS[0] * 0.3 * grain).clip(-0.1, 0.5)[..., None] * (1 - picture)
    horizon = random.uniform(0.3, 0.45)
    for ridge, color in enumerate(palette[2:]):
        crest = horizon + 0.15 * ridge + 0.06 * _clouds(random, (width, 2), -0.8)[:1]
        _paint(picture, rows > crest, color * (1 + _ROUGHNESS[ridge + 2] * grain + 0.15 * clouds)[..., None])
    for _ in range(_STONES):
        row, column = (horizon + 0.25 + (0.75 - horizon) * random.random()) * height, random.random() * width
        radius = max(size) * 0.05 * random.random() ** 2 * (row / height) + 1
        top, bottom, left, right = (int(np.clip(edge, 0, end)) for edge, end in _box(row, column, radius, size))
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        y, x = (y - np.float32(row)) / np.float32(radius), (x - np.float32(column)) / np.float32(radius)
        light = (0.8 - 0.4 * y + 0.4 * grain[top:bottom, left:right])[..., None]
        color = palette[random.integers(2, len(palette))] * np.float32(random.uniform(0.5, 1.3))
        _paint(picture[top:bottom, left:right], x**2 + (1.5 * y) ** 2 < 1, color * light)
    return np.rint(picture.clip(0, 1) * 255).astype(np.uint8)


def photograph(path: Path, size: Size) -> NDArray[np.uint8]:
    """Reads a photograph and scales it to ``size`` (width, height), cropping nothing: uint8 [H, W, 3], sRGB.

    Raises:
        InputError: the file cannot be read.
    """
    import torch

    from nct_core.pixels.resample import resize

    picture = read_picture(path)
    pixels = to_srgb(picture.pixels, picture.icc_profile)[..., :3]
    if pixels.shape[2] < 3:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    scaled = resize(torch.from_numpy(pixels), (size[1], size[0])).numpy()
    return np.rint(scaled.clip(0, 1) * 255).astype(np.uint8)


def write(folder: Path, size: Size, count: int, photographs: Sequence[Path], suffixes: Sequence[str]) -> None:
    """Writes pictures 0 .. count - 1 into ``folder`` as ``N.npy`` and ``N.jpg`` or what ``suffixes`` wants: made ones, or the photographs if there are any."""
    for number in range(count):
        pixels = photograph(photographs[number], size) if photographs else made(number, size)
        for suffix in suffixes:
            if suffix == ".npy":
                np.save(folder / f"{number}.npy", pixels)
            elif suffix == ".rgb":  # the bare pixels, for a worker
                (folder / f"{number}.rgb").write_bytes(pixels.tobytes())
            else:
                write_picture(folder / f"{number}{suffix}", Picture(pixels))


def _paint(picture: NDArray[np.float32], where: NDArray[np.bool_], colors: NDArray[np.float32]) -> None:
    np.copyto(picture, colors, where=where[..., None])


def _box(row: float, column: float, radius: float, size: Size) -> tuple[tuple[float, int], ...]:
    return (row - radius, size[1]), (row + radius + 1, size[1]), (column - radius, size[0]), (column + radius + 1, size[0])


def _clouds(random: np.random.Generator, size: Size, slope: float) -> NDArray[np.float32]:
    """Fractal noise whose amplitude falls with that power of the frequency, of deviation 0.5, float32 [H, W]."""
    total = np.zeros((size[1], size[0]), np.float32)
    cells = 3
    while cells < 2 * max(size):
        shape = (max(2, round(cells * size[1] / max(size))), max(2, round(cells * size[0] / max(size))))
        octave = random.standard_normal(shape, np.float32)
        total += np.asarray(Image.fromarray(octave).resize(size, Image.Resampling.BICUBIC)) * np.float32(cells**slope)
        cells *= 2
    return total / np.float32(2 * total.std())
