"""Files that are not what they say: each is read, or refused with an error in words; nothing else happens."""

from __future__ import annotations

import contextlib
import random
import struct
import warnings
from pathlib import Path

import icc_profiles
import made_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nct_core import InputError
from nct_core.files import icc, kinds, png, profiles, tiff
from nct_core.files.read import read_picture

PIXELS = np.random.default_rng(9).integers(0, 256, (8, 12, 3), np.uint8)
TIFFS = [made_files.tiff(PIXELS, [(330, 4, [-1]), (254, 4, [0])], [[(262, 3, [2])]], order, big) for order in ("<", ">") for big in (False, True)]
CHUNKS = [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", bytes(32)), (b"cICP", bytes([12, 13, 0, 1])), (b"acTL", struct.pack(">II", 2, 0))]
WIDE = (icc_profiles.P3_PRIMARIES, icc_profiles.D65_XY)
PROFILES = [icc_profiles.srgb(), icc_profiles.adobe_rgb(), icc_profiles.gray(icc_profiles.srgb_table(64)), icc_profiles.rgb(*WIDE, icc_profiles.srgb_table(64))]


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """The data with a few bytes changed, or cut short."""

    def change(places: list[tuple[int, bytes]], length: int) -> bytes:
        changed = bytearray(data)
        for place, value in places:
            changed[place : place + len(value)] = value
        return bytes(changed[:length])

    value = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\xff" * 8, b"\x7f" + b"\xff" * 7, bytes(8), b"\x80\0\0\0"]))
    return st.builds(change, st.lists(st.tuples(st.integers(0, len(data) - 1), value), max_size=6), st.one_of(st.just(len(data)), st.integers(1, len(data))))


@settings(max_examples=300)
@given(st.one_of(*map(damaged, TIFFS)))
def test_tiff_directories(data: bytes) -> None:
    if kinds.kind(data) == "TIFF":
        assert tiff.is_raw(data) in (True, False)
        changed = tiff.without_empty_page(data)
        assert changed is None or len(changed) == len(data)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200).map(lambda rest: b"\x89PNG\r\n\x1a\n" + rest), damaged(made_files.png(PIXELS, CHUNKS))))
def test_png_chunks(data: bytes) -> None:
    found = png.chunks(data)
    assert png.frames(found) >= 0
    for channels in (1, 3):
        try:
            profile = png.profile(found, channels)
        except profiles.Unknown:
            continue
        if profile is not None:
            usable(profile, channels)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_any_numbers_in_a_png(chromaticities: list[int], gamma: int) -> None:
    try:
        profile = png.profile({b"cHRM": struct.pack(">8I", *chromaticities), b"gAMA": struct.pack(">I", gamma)}, 3)
    except profiles.Unknown:
        return
    if profile is not None:
        usable(profile, 3)


@settings(max_examples=150)
@given(st.one_of(*map(damaged, PROFILES)))
def test_icc_profiles(data: bytes) -> None:
    for channels in (1, 3):
        usable(data, channels)


def usable(profile: bytes, channels: int) -> None:
    """A profile is read, or refused as such."""
    with warnings.catch_warnings(), contextlib.suppress(icc.ProfileError):
        warnings.simplefilter("ignore", RuntimeWarning)
        icc.space(profile, channels)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "adobe.jpg"])
def test_whole_files(name: str, tmp_path: Path) -> None:
    """A hundred damaged copies each, always the same ones."""
    data = {
        "a.png": made_files.png(PIXELS, CHUNKS[:1]),
        "a.jpg": made_files.jpeg(PIXELS),
        "a.tif": TIFFS[0],
        "adobe.jpg": made_files.jpeg(PIXELS, exif=made_files.exif_of_adobe_rgb()),
    }[name]
    chance = random.Random(name)
    for _ in range(100):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / name).write_bytes(changed[: chance.choice([len(data), chance.randint(1, len(data))])])
        try:
            picture = read_picture(tmp_path / name)
        except InputError:
            continue
        assert picture.pixels.ndim == 3 and picture.pixels.size
