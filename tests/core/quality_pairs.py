"""Pairs of free photographs (of scikit-image: CC0 or public domain) and small pictures of what a transfer makes of them.

``python tests/core/quality_pairs.py`` makes the small pictures again; look at them before you keep them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from nct_core import TransferParams, transfer

FOLDER = Path(__file__).with_name("quality")
PAIRS = {
    "cat_in_the_look_of_coffee": ("chelsea", "coffee", 0.5),
    "astronaut_in_the_look_of_a_rocket": ("astronaut", "rocket", 0.5),
    "coffee_with_the_content_of_a_cat": ("coffee", "chelsea", 1.0),
    "rocket_in_the_look_of_an_astronaut_alone": ("rocket", "astronaut", 0.0),
}
"""By name the source, the reference, and the parameter ``content``."""
_SIDE, _SMALL_SIDE = 320, 64


def small_result(name: str) -> NDArray[np.uint8]:
    """The result of a pair on the CPU, reduced to 64 px on its longer side: uint8 [h, w, 3]."""
    source, reference, content = PAIRS[name]
    images = [_reduced(getattr(skimage.data, picture)(), _SIDE) / np.float32(255) for picture in (source, reference)]
    result = transfer(images[0], [images[1]], TransferParams(content=content, working_size=_SIDE), device="cpu").image
    return _reduced((result.clip(0, 1) * 255).round().astype(np.uint8), _SMALL_SIDE)


def _reduced(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.BOX)
    return np.asarray(picture)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for pair in PAIRS:
        Image.fromarray(small_result(pair)).save(FOLDER / f"{pair}.png")
