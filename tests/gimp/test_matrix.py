"""Precision, mode, profile, place, selection and output, every two values of them together, in a real GIMP."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import icc_profiles
import matrix_cases
import numpy as np
import pytest
from gimp_session import Gimp
from matrix_cases import CANVAS, FACTORS, PLACES, TOLERANCES
from pictures import blobs

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb

pytestmark = pytest.mark.gimp

CASES = {" ".join(map(str, case.values())): case for case in matrix_cases.pairwise()}
PARAMS = {"working_size": 72, "patchmatch_iterations": 2, "keep_lightness": 0.0}
REFERENCE_SIZE = (68, 64)
BLENDING = 1e-3  # of layers in GIMP, whose curves are approximate
AT_A_TIME = 15  # cases in one GIMP: so that a slow machine ends in time too
STRENGTHS = ("1.0", "0.0")


def write(gimp: Gimp, name: str, seed: int, size: tuple[int, int], channels: int, brightness: float) -> dict[str, Any]:
    (blobs(seed, size[::-1], channels, "float32") * np.float32([brightness] * channels)).tofile(gimp.home / name)
    return {"file": name, "size": size}


@pytest.fixture(scope="module")
def runs(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each case; pixels and masks lie in ``gimp.home``. One GIMP and one worker for many."""
    cases = []
    for seed, (name, case) in enumerate(CASES.items()):
        kind = {"depth": case["depth"], "curve": case["curve"], "channels": case["channels"], "profile": ""}
        profile = matrix_cases.profile(case["profile"], case["channels"])
        if case["profile"] != "built-in":
            kind["profile"] = str(gimp.home / f"{name}.icc")
            (gimp.home / f"{name}.icc").write_bytes(profile)
        size, offsets = PLACES[case["place"]]
        pixels = {"source": write(gimp, f"{name} source", seed, size, case["channels"], 1.0)}
        for number in range(2):
            pixels[f"reference {number}"] = write(gimp, f"{name} reference {number}", seed + 100 + number, REFERENCE_SIZE, case["channels"], 0.6)
        several = 2 if case["output"] == "layer-per-reference" else 1
        shared = {"name": name, "kind": kind, "canvas": CANVAS, "offsets": offsets, "selection": case["selection"], "output": case["output"]}
        cases.append({**shared, "pixels": pixels, "references": several, "params": PARAMS})
    found = []
    for first in range(0, len(cases), AT_A_TIME):
        arguments = {"plugin": str(gimp.plugin), "cases": cases[first : first + AT_A_TIME]}
        found += gimp.call("matrix", module="matrix", folder=str(gimp.home), **arguments)
    return dict(zip(CASES, found))


@functools.cache
def expected(*sent: tuple[bytes, bytes, str, tuple[int, int, int]]) -> nct_core.TransferResult:
    """What the library makes of the pixels that the plug-in sends; both GIMPs may send the same."""
    pictures = [to_srgb(np.frombuffer(pixels, dtype).reshape(shape), profile) for pixels, profile, dtype, shape in sent]
    return nct_core.transfer(pictures[0], pictures[1:], nct_core.TransferParams.from_mapping(PARAMS))


def result_of(gimp: Gimp, name: str, facts: dict[str, Any]) -> nct_core.TransferResult:
    def content(what: str, layer: dict[str, Any]) -> bytes:
        return (gimp.home / f"{name} {what} {layer['name']}").read_bytes()

    return expected(*((content("sent", layer), content("profile", layer), layer["dtype"], tuple(layer["shape"])) for layer in facts["sent"]))


def floats(gimp: Gimp, file: str, size: tuple[int, int], channels: int) -> np.ndarray:
    return np.frombuffer((gimp.home / file).read_bytes(), np.float32).reshape(*size[::-1], channels)


def gray(gimp: Gimp, file: str, size: tuple[int, int]) -> np.ndarray:
    return np.frombuffer((gimp.home / file).read_bytes(), np.uint8).reshape(size[::-1]) / 255


def on_canvas(offsets: tuple[int, int], size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The same pixels on the canvas and on a layer that lies there."""
    starts = [max(0, offset) for offset in offsets]
    ends = [min(length, offset + side) for offset, side, length in zip(offsets, size, CANVAS)]
    canvas, layer = ([slice(start - shift, end - shift) for start, end, shift in zip(starts, ends, shifts)] for shifts in ((0, 0), offsets))
    return (canvas[1], canvas[0]), (layer[1], layer[0])


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_has_the_layers_colors(gimp: Gimp, runs: dict[str, Any], name: str) -> None:
    case, sent = CASES[name], runs[name]["sent"][0]
    size, stored = PLACES[case["place"]][0], matrix_cases.profile(case["profile"], case["channels"], case["curve"])
    pixels = np.frombuffer((gimp.home / f"{name} sent source").read_bytes(), sent["dtype"]).reshape(sent["shape"])
    seen = to_srgb(pixels, (gimp.home / f"{name} profile source").read_bytes())
    own = floats(gimp, f"{name} own", size, case["channels"])
    assert np.abs(from_srgb(seen, stored, np.float32) - own).max() <= TOLERANCES["FLOAT"]


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_the_librarys(gimp: Gimp, runs: dict[str, Any], name: str) -> None:
    case, result = CASES[name], result_of(gimp, name, runs[name])
    size, stored = PLACES[case["place"]][0], matrix_cases.profile(case["profile"], case["channels"], case["curve"])
    wanted = from_srgb(result.image, stored, np.float32)
    if case["depth"].startswith("U"):
        wanted = wanted.clip(0, 1)
    own = floats(gimp, f"{name} own", size, case["channels"])
    used = [index for index, share in enumerate(result.shares) if share > 0]
    made = runs[name]["runs"]["1.0"]["layers"]
    assert len(made) == (len(used) if case["output"] == "layer-per-reference" else 2 if case["output"] == "new-image" and case["selection"] != "none" else 1)
    for number, layer in enumerate(made):
        pixels = floats(gimp, f"{name} 1.0 {number}", size, case["channels"])
        if layer["name"] == "source":  # what was not selected, in a new image
            np.testing.assert_array_equal(pixels, own)
            continue
        assert np.abs(pixels - wanted).max() <= TOLERANCES[case["depth"]]
        assert np.abs(pixels - own)[..., 0].mean() > 0.01
        if case["channels"] in (2, 4):
            assert np.abs(pixels[..., -1] - own[..., -1]).max() <= 1e-7


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_masks_are_selection_times_confidence_or_part(gimp: Gimp, runs: dict[str, Any], name: str, strength: str) -> None:
    case, result = CASES[name], result_of(gimp, name, runs[name])
    size = PLACES[case["place"]][0]
    selected = gray(gimp, f"{name} selection", size) if case["selection"] != "none" else np.ones(size[::-1])
    made = [layer for layer in runs[name]["runs"][strength]["layers"] if layer["name"] != "source"]
    masks = [gray(gimp, f"{name} {strength} {number} mask", size) for number, layer in enumerate(made) if layer["mask"]]
    if case["selection"] == "none" and case["output"] in ("new-layer", "new-image"):
        assert not masks
        return
    assert len(masks) == len(made)
    limit = selected * (result.confidence if case["output"] == "confidence-mask" else 1)
    assert np.abs(sum(masks) - limit).max() <= 1.01 / 255
    assert case["selection"] == "none" or 0 < selected.mean() < 0.9


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_what_is_not_selected_is_seen_as_before(gimp: Gimp, runs: dict[str, Any], name: str, strength: str) -> None:
    case = CASES[name]
    size, offsets = PLACES[case["place"]]
    seen = case["channels"] + case["channels"] % 2  # with alpha
    tolerance = TOLERANCES[case["depth"]] + BLENDING
    canvas, on_layer = on_canvas(offsets, size)
    outside = gray(gimp, f"{name} selection", size)[on_layer] == 0 if case["selection"] != "none" else np.zeros(size[::-1], bool)[on_layer]
    if case["output"] == "new-image":
        after = floats(gimp, f"{name} {strength} after", size, seen)[on_layer]
        own = floats(gimp, f"{name} own", size, case["channels"])[on_layer]
        color = np.abs(after[..., : seen - 1] - own[..., : seen - 1])
        alpha = own[..., -1] if seen == case["channels"] else 1
        same = (color.max(-1) <= tolerance) | (after[..., -1] == 0)
        assert (same & (np.abs(after[..., -1] - alpha) <= tolerance))[outside].all()
    else:
        before, after = (floats(gimp, f"{name} {when}", CANVAS, seen)[canvas] for when in ("before", f"{strength} after"))
        assert np.abs(before - after)[outside].max(initial=0) <= tolerance
        elsewhere = np.ones(CANVAS[::-1], bool)
        elsewhere[canvas] = False
        whole = [floats(gimp, f"{name} {when}", CANVAS, seen)[elsewhere] for when in ("before", f"{strength} after")]
        np.testing.assert_array_equal(*whole)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_everything_else_stays(runs: dict[str, Any], name: str, strength: str) -> None:
    case, facts = CASES[name], runs[name]["runs"][strength]
    size, offsets = PLACES[case["place"]]
    new_image = case["output"] == "new-image"
    assert facts["others unchanged"] and facts["precision"] and facts["profile"] and facts["resolution"]
    assert tuple(facts["canvas"]) == (size if new_image else CANVAS)
    for layer in facts["layers"]:
        assert layer["size"] and layer["format"]
        assert tuple(layer["offsets"]) == ((0, 0) if new_image else offsets)
    assert new_image or facts["dirty"]


@pytest.mark.parametrize("name", CASES)
def test_at_no_strength_the_pixels_are_the_sources_bit_for_bit(runs: dict[str, Any], name: str) -> None:
    assert all(layer["bit for bit"] for layer in runs[name]["runs"]["0.0"]["layers"])


def test_an_unchanged_layer_is_the_source_bit_for_bit_in_every_precision_and_mode(gimp: Gimp) -> None:
    kinds = [dict(zip(("depth", "curve", "channels"), kind)) for kind in itertools.product(FACTORS["depth"], FACTORS["curve"], FACTORS["channels"])]
    found = gimp.call("copies", module="matrix", kinds=[{**kind, "profile": ""} for kind in kinds])
    assert len(found) == 72
    assert [kind for kind, same in zip(kinds, found) if not all(same)] == []


def test_a_profile_made_of_tables_is_sent_as_it_is(gimp: Gimp) -> None:
    file = gimp.home / "tables.icc"
    file.write_bytes(icc_profiles.lookup_tables(((0.64, 0.33), (0.30, 0.60), (0.2, 0.1)), icc_profiles.D65_XY))
    precisions = [("U8", "NON_LINEAR"), ("FLOAT", "LINEAR"), ("U16", "PERCEPTUAL"), ("HALF", "LINEAR")]
    found = gimp.call("tables", module="matrix", profile=str(file), precisions=precisions)
    for (depth, _), facts in zip(precisions, found):
        assert facts["sent"] and facts["far"] <= TOLERANCES[depth]
