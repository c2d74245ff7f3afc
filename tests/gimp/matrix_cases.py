"""The kinds of image, layer, selection and output that are tried together: every two of them at least once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import icc_profiles

FACTORS: dict[str, tuple[object, ...]] = {
    "depth": ("U8", "U16", "U32", "HALF", "FLOAT", "DOUBLE"),
    "curve": ("LINEAR", "NON_LINEAR", "PERCEPTUAL"),
    "channels": (1, 2, 3, 4),
    "profile": ("built-in", "own", "linear"),
    "place": ("smaller", "larger", "outside"),
    "selection": ("none", "part", "feathered"),
    "output": ("new-layer", "confidence-mask", "layer-per-reference", "new-image"),
}
CANVAS = (80, 64)
PLACES = {"smaller": ((64, 52), (9, 5)), "larger": ((104, 80), (-13, -7)), "outside": ((72, 60), (-21, 17))}
"""Of the source: its size and its offsets."""
TOLERANCES = {"U8": 1.01 / 255, "U16": 2.5e-5, "U32": 2e-5, "HALF": 6e-4, "FLOAT": 2e-5, "DOUBLE": 2e-5}
"""In the image's own encoding, full scale 1."""

_SRGB = icc_profiles.parametric_curve(3, icc_profiles.SRGB_PARAMETERS)
_CURVES = {"built-in": _SRGB, "linear": icc_profiles.gamma_curve(1.0)}


def profile(kind: str, channels: int, curve: str = "NON_LINEAR") -> bytes:
    """The ICC profile of an image of this kind, or what its profile would be if its curve was the one its pixels are stored in; empty for sRGB."""
    own = icc_profiles.gamma_curve(1.8 if channels < 3 else 563 / 256)
    stored = {"LINEAR": icc_profiles.gamma_curve(1.0), "NON_LINEAR": _CURVES.get(kind, own), "PERCEPTUAL": _SRGB}[curve]
    primaries = icc_profiles.ADOBE_PRIMARIES if kind == "own" else icc_profiles.SRGB_PRIMARIES
    if stored == _SRGB and (channels < 3 or kind != "own"):
        return b""
    return icc_profiles.gray(stored) if channels < 3 else icc_profiles.rgb(primaries, icc_profiles.D65_XY, stored)


def pairwise(seed: int = 0, tries: int = 30) -> Iterator[dict[str, object]]:
    """Combinations that hold every pair of values of two factors, chosen greedily among random ones; the same for the same seed."""
    chance = random.Random(seed)
    names = list(FACTORS)
    missing = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2) for x in FACTORS[a] for y in FACTORS[b]}
    while missing:
        wanted = dict(min(missing, key=repr))
        drawn = [{**{name: chance.choice(FACTORS[name]) for name in names}, **wanted} for _ in range(tries)]
        best = max(drawn, key=lambda combination: len(missing & set(itertools.combinations(combination.items(), 2))))
        missing -= set(itertools.combinations(best.items(), 2))
        yield best
