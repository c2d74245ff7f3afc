"""Color spaces: ICC profiles to sRGB and back."""

from __future__ import annotations

import logging

import icc_profiles
import imagecodecs
import numpy as np
import pytest
from pictures import smooth

from nct_core.files import icc
from nct_core.files.color_space import from_srgb, to_srgb

RNG_SEED = 20
# Worst rounding on the way own space -> sRGB -> own space, in code values.
ROUND_TRIP = {"uint8": 0, "uint16": 2}


def spaces() -> dict[str, bytes]:
    ramp = np.linspace(0, 1, 1024)
    return {
        "AdobeRGB": icc_profiles.adobe_rgb(),
        "Display P3": icc_profiles.display_p3(),
        "Display P3, table": icc_profiles.rgb(icc_profiles.P3_PRIMARIES, icc_profiles.D65_XY, icc_profiles.srgb_table()),
        "ProPhoto": icc_profiles.prophoto(),
        "ProPhoto, table": icc_profiles.rgb(
            icc_profiles.PROPHOTO_PRIMARIES, icc_profiles.D50_XY, icc_profiles.table_curve(list(np.maximum(ramp**1.8, ramp / 16)))
        ),
        "linear sRGB": icc_profiles.linear_srgb(),
    }


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("name", list(spaces()))
def test_round_trip_of_rgb_spaces(name: str, dtype: str) -> None:
    top = np.iinfo(dtype).max
    # A pure power curve is so steep at 0 that float32 sRGB cannot hold a dark channel beside a bright one: 16 bits begin at 1/256.
    lowest = 0 if dtype == "uint8" else top // 256
    pixels = np.random.default_rng(RNG_SEED).integers(lowest, top + 1, (64, 64, 4)).astype(dtype)
    srgb = to_srgb(pixels, spaces()[name])
    assert srgb.dtype == np.float32
    back = from_srgb(srgb, spaces()[name], pixels.dtype)
    assert back.dtype == pixels.dtype
    np.testing.assert_allclose(back[..., :3].astype(int), pixels[..., :3].astype(int), rtol=0, atol=ROUND_TRIP[dtype])
    np.testing.assert_array_equal(back[..., 3], pixels[..., 3])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_round_trip_of_gray_spaces(channels: int, gamma: float, dtype: str) -> None:
    profile = icc_profiles.gray(icc_profiles.gamma_curve(gamma))
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 16, channels)
    np.testing.assert_array_equal(from_srgb(to_srgb(levels, profile), profile, levels.dtype), levels)


@pytest.mark.parametrize("profile", [None, icc_profiles.srgb(), icc_profiles.rgb(icc_profiles.SRGB_PRIMARIES, icc_profiles.D65_XY, icc_profiles.srgb_table())])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_srgb_is_a_plain_scaling(profile: bytes | None, dtype: str) -> None:
    pixels = smooth(3, dtype, 200, 300)
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    srgb = to_srgb(pixels, profile)
    np.testing.assert_array_equal(srgb, pixels.astype(np.float32) / np.float32(scale))
    np.testing.assert_array_equal(from_srgb(srgb, profile, pixels.dtype), pixels)


@pytest.mark.parametrize("name", list(spaces()))
def test_conversion_agrees_with_little_cms(name: str) -> None:
    pixels = np.random.default_rng(RNG_SEED).random((1, 5000, 3)).astype(np.float32)
    profile = spaces()[name]
    theirs = imagecodecs.cms_transform(pixels, profile, imagecodecs.cms_profile("srgb"), colorspace="rgb", intent=icc.RELATIVE_COLORIMETRIC)
    ours = to_srgb(pixels, profile)
    inside = (theirs > 0).all(axis=-1)  # below 0 Little CMS goes on by a straight line
    assert inside.mean() > 0.3
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=0, atol=5e-4)


def test_linear_light_in_float() -> None:
    # What GIMP exports from an image of linear precision.
    pixels = np.array([[[0.0, 0.5, 1.0, 0.25], [0.002, 2.0, -0.1, 1.0]]], np.float32)
    srgb = to_srgb(pixels, icc_profiles.linear_srgb())
    expected = [[0, 0.735357, 1, 0.25], [0.02584, 1.353256, -0.349190, 1]]
    np.testing.assert_allclose(srgb[0], expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(from_srgb(srgb, icc_profiles.linear_srgb(), np.float32), pixels, rtol=0, atol=1e-6)


def test_wide_gamuts_leave_zero_to_one() -> None:
    green = to_srgb(np.array([[[0, 255, 0]]], np.uint8), icc_profiles.adobe_rgb())
    assert green[0, 0, 0] < -0.5
    white = to_srgb(np.array([[[255, 255, 255]]], np.uint8), icc_profiles.prophoto())
    np.testing.assert_allclose(white, 1, atol=1e-4)


@pytest.mark.parametrize("kind", range(5))
def test_parametric_curves_are_inverted(kind: int) -> None:
    parameters = [(2.2,), (2.2, 0.9, 0.1), (2.2, 0.9, 0.1, 0.02), icc_profiles.SRGB_PARAMETERS, (2.4, 0.94, 0.05, 0.077, 0.04, 0.01, 0.01)][kind]
    profile = icc_profiles.gray(icc_profiles.parametric_curve(kind, parameters))
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(from_srgb(to_srgb(levels, profile), profile, levels.dtype), levels)


def test_lookup_tables_go_through_little_cms() -> None:
    tables = icc_profiles.lookup_tables(icc_profiles.ADOBE_PRIMARIES, icc_profiles.D65_XY, 2.0)
    assert isinstance(icc.space(tables, 3), icc.LookupSpace)
    # Grayish colors, which lie inside sRGB too: what is outside is clipped on this way.
    pixels = np.random.default_rng(RNG_SEED).integers(90, 170, (32, 32, 4)).astype(np.uint8)
    matrix = icc_profiles.rgb(icc_profiles.ADOBE_PRIMARIES, icc_profiles.D65_XY, icc_profiles.gamma_curve(2.0))
    np.testing.assert_allclose(to_srgb(pixels, tables), to_srgb(pixels, matrix), rtol=0, atol=2e-3)
    back = from_srgb(to_srgb(pixels, tables), tables, np.uint8)
    np.testing.assert_allclose(back.astype(int), pixels.astype(int), rtol=0, atol=1)


def test_tables_come_before_a_matrix() -> None:
    both = icc_profiles.lookup_tables(icc_profiles.ADOBE_PRIMARIES, icc_profiles.D65_XY, 2.0, matrix_gamma=1.2)
    tables = icc_profiles.lookup_tables(icc_profiles.ADOBE_PRIMARIES, icc_profiles.D65_XY, 2.0)
    pixels = np.random.default_rng(RNG_SEED).integers(90, 170, (8, 8, 3)).astype(np.uint8)
    np.testing.assert_allclose(to_srgb(pixels, both), to_srgb(pixels, tables), rtol=0, atol=1e-6)
    one_direction = icc.space(both.replace(b"B2A0", b"xxxx"), 3)
    assert isinstance(one_direction, icc.CurveSpace)  # which cannot be undone without the matrix


def test_a_lookup_table_for_one_direction_only_is_not_enough() -> None:
    tables = icc_profiles.lookup_tables(icc_profiles.ADOBE_PRIMARIES, icc_profiles.D65_XY)
    with pytest.raises(icc.ProfileError):
        icc.space(tables.replace(b"B2A0", b"xxxx"), 3)


@pytest.mark.parametrize(
    ("profile", "channels", "reason"),
    [
        (b"not a profile", 3, "not an ICC profile"),
        (icc_profiles.adobe_rgb()[:200], 3, "damaged"),
        (icc_profiles.adobe_rgb()[:300], 3, "damaged"),
        (icc_profiles.gray(icc_profiles.gamma_curve(2.2)), 3, "GRAY"),
        (icc_profiles.adobe_rgb(), 1, "RGB"),
        (icc_profiles.rgb(icc_profiles.P3_PRIMARIES, icc_profiles.D65_XY, icc_profiles.table_curve([0, 0.9, 0.1, 1])), 3, "falls"),
        (icc_profiles.rgb(icc_profiles.P3_PRIMARIES, icc_profiles.D65_XY, icc_profiles.gamma_curve(0)), 3, "inverted|damaged"),
    ],
)
def test_unusable_profiles_are_passed_over_with_a_warning(profile: bytes, channels: int, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    pixels = smooth(channels, "uint8")
    with caplog.at_level(logging.WARNING):
        srgb = to_srgb(pixels, profile)
    with pytest.raises(icc.ProfileError, match=reason):
        icc.space(profile, channels)
    assert "sRGB assumed" in caplog.text
    np.testing.assert_array_equal(srgb, to_srgb(pixels))


def test_integers_are_rounded_and_clipped_and_floats_are_not() -> None:
    image = np.array([[[-0.5], [0.4999 / 255], [0.5001 / 255], [1.7]]], np.float32)
    np.testing.assert_array_equal(from_srgb(image, None, np.uint8)[0, :, 0], [0, 0, 1, 255])
    np.testing.assert_array_equal(from_srgb(image, None, np.float32), image)


# -- writing
