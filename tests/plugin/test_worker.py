"""What the worker answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import icc_profiles
import numpy as np
import pytest
from connection import QUICK, REFERENCE_SHAPE, SHAPE, Connection, expected, image
from pictures import blobs, landscape
from skimage.color import rgb2lab

import nct_core
from nct_core.contract import messages
from nct_core.contract.messages import Apply, Cancel, Forget, Transfer, View
from nct_core.files.picture import Picture
from nct_core.files.write import write_picture


def test_hello_names_version_device_and_backbone(connection: Connection) -> None:
    hello = connection.answer()
    assert isinstance(hello, messages.Hello)
    assert (hello.protocol, hello.version) == (messages.VERSION, nct_core.__version__)
    assert hello.backbone in ("VGG-16", "VGG-19")
    assert hello.device and hello.devices[-1] == messages.Device("cpu", "CPU")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "dtype", "icc"),
    [(3, "uint8", None), (4, "uint16", None), (1, "uint8", None), (2, "float32", None), (3, "float32", icc_profiles.adobe_rgb())],
)
def test_a_transfer_gives_what_the_library_gives(greeted: Connection, channels: int, dtype: str, icc: bytes | None) -> None:
    source = blobs(3, SHAPE, channels=channels, dtype=dtype)
    greeted.send_image("own", source, icc or b"")
    greeted.transfer(source="own")
    received = greeted.pixels(greeted.answer())
    assert received.dtype == source.dtype
    assert not np.array_equal(received, source)
    np.testing.assert_array_equal(received, expected(source, blobs(2, REFERENCE_SHAPE), icc))
    if channels in (2, 4):
        np.testing.assert_array_equal(received[..., -1], source[..., -1])


def test_progress_never_goes_back_and_names_its_stages(greeted: Connection) -> None:
    greeted.transfer("watched")
    reports = []
    while isinstance(message := greeted.receive(), messages.Progress):
        reports.append(message)
    assert isinstance(message, messages.Result)
    greeted.pixels(message)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1
    stages = {report.stage.code for report in reports}
    assert stages >= {"reading_colors", "loading_network", "reading_reference", "reading_source", "matching", "recoloring", "applying", "done"}
    assert any(report.stage.arguments == (5, 5) for report in reports)
    assert {report.id for report in reports} == {"watched"}
    assert (message.facts.device, message.id) == ("CPU", "watched")


def test_a_result_can_be_applied_with_another_strength(greeted: Connection) -> None:
    greeted.transfer("full")
    full = greeted.pixels(greeted.answer())
    greeted.send(Apply("none", "full", 0, 1))
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), blobs(1, SHAPE))
    greeted.send(Apply("again", "full", 1.0, 0))
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), full)


def test_a_result_can_be_applied_with_its_lightness_kept(greeted: Connection) -> None:
    greeted.transfer("kept", keep_lightness=1.0)
    kept = greeted.pixels(greeted.answer())
    np.testing.assert_allclose(lightness(kept), lightness(blobs(1, SHAPE)), atol=1)
    greeted.transfer("full")
    assert np.abs(lightness(greeted.pixels(greeted.answer())) - lightness(blobs(1, SHAPE))).max() > 5
    greeted.send(Apply("keep", "full", 1.0, 1.0))
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), kept)


def lightness(pixels: np.ndarray) -> np.ndarray:
    found: np.ndarray = rgb2lab(pixels)[..., 0]
    return found


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [3, 4])
def test_strength_0_gives_the_very_bits_of_the_source_in_any_color_space(greeted: Connection, dtype: str, channels: int) -> None:
    source = blobs(3, SHAPE, channels, dtype)
    if dtype == "float32":
        source = source * 3 - 1  # a float layer's values lie where they like
    greeted.send_image("exact", source, icc=icc_profiles.adobe_rgb())
    greeted.transfer("exact", source="exact", strength=0.0, keep_lightness=1.0)
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), source)
    greeted.send(Apply("still", "exact", 0, 0))
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), source)


def test_a_reference_counts_where_all_its_masks_are_above_one_half(greeted: Connection) -> None:
    soft, hard = np.full((*REFERENCE_SHAPE, 1), 255, np.uint8), np.full((*REFERENCE_SHAPE, 1), 255, np.uint8)
    soft[:, :20], hard[:30] = 127, 0
    greeted.send_image("soft", soft, role="mask")
    greeted.send_image("hard", hard, role="mask")
    greeted.transfer(reference=image("r", "soft", "hard"))
    alpha = np.zeros((*REFERENCE_SHAPE, 1), np.uint8)
    alpha[30:, 20:] = 255
    limited = np.concatenate([blobs(2, REFERENCE_SHAPE), alpha], axis=2)
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), expected(blobs(1, SHAPE), limited))


def test_a_reference_in_a_file(greeted: Connection, tmp_path: Path) -> None:
    path = tmp_path / "Bäume 木.png"
    write_picture(path, Picture(blobs(2, REFERENCE_SHAPE)))
    trees = messages.SentReference("trees", file=str(path))
    greeted.transfer(reference=trees)
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), expected(blobs(1, SHAPE), blobs(2, REFERENCE_SHAPE)))
    for side in (28, 28, 400):
        greeted.send(Transfer("reduced", "s", (trees,), QUICK, device="cpu", file_side=side))
        assert greeted.pixels(greeted.answer()).shape == (*SHAPE, 3)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"file": "/nowhere/sky.png"}, "/nowhere/sky.png: expected an image file, but there is no such file"),
        ({"image": "clear"}, "the reference 'sky': expected at least one pixel that is not fully transparent"),
        ({"image": "r", "masks": ("hidden",)}, "the reference 'sky': expected something visible within its mask and selection, got nothing"),
        ({"image": "r", "masks": ("r",)}, r"expected a mask of uint8 \[40, 56, 1\], got uint8 \[40, 56, 3\]"),
    ],
)
def test_a_reference_that_cannot_be_used_is_named(greeted: Connection, reference: dict[str, Any], words: str) -> None:
    greeted.send_image("clear", np.zeros((*REFERENCE_SHAPE, 4), np.uint8), role="reference")
    greeted.send_image("hidden", np.zeros((*REFERENCE_SHAPE, 1), np.uint8), role="mask")
    greeted.transfer(reference=messages.SentReference("sky", **reference))
    error = greeted.answer()
    assert error.code == "input"
    assert re.search(words, error.text)


def test_views_of_a_result(greeted: Connection) -> None:
    ramp = np.tile(np.linspace(0, 255, SHAPE[1]).astype(np.uint8)[:, None], (SHAPE[0], 1, 1))
    greeted.send_image("ramp", ramp, role="mask")
    greeted.transfer("viewed")
    result = greeted.answer()
    greeted.pixels(result)
    assert result.facts.shares == (1.0,)
    views = {}
    for kind, index, masks in [("mask", 0, ()), ("mask", 0, ("ramp",)), ("confidence", 0, ()), ("confidence", 0, ("ramp",)), ("part", 0, ()), ("part", 1, ())]:
        greeted.send(View("look", "viewed", kind, index, masks))
        views[kind, index, len(masks)] = greeted.pixels(greeted.answer())
    assert (views["mask", 0, 0] == 255).all() and (views["part", 0, 0] == 255).all() and not views["part", 1, 0].any()
    np.testing.assert_array_equal(views["mask", 0, 1], ramp)
    confidence = views["confidence", 0, 0]
    assert confidence.shape == (*SHAPE, 1) and confidence.min() > 128  # two pictures of one kind
    assert np.abs(views["confidence", 0, 1] - confidence * (ramp / 255.0)).max() <= 1
    for kind in ("labels", "matches"):
        greeted.send(View("look", "viewed", kind))
        views[kind, 0, 0] = greeted.pixels(greeted.answer())
        assert views[kind, 0, 0].shape == (*SHAPE, 3)
    red, green, blue = bytes.fromhex(result.facts.colors[0][1:])
    painted = views["labels", 0, 0].reshape(-1, 3).astype(float)
    np.testing.assert_allclose(painted / painted.max(1, keepdims=True), np.tile([[red, green, blue]], (len(painted), 1)) / max(red, green, blue), atol=0.02)
    reference = {tuple(pixel) for pixel in blobs(2, REFERENCE_SHAPE).reshape(-1, 3)}
    assert {tuple(pixel) for pixel in views["matches", 0, 0].reshape(-1, 3)} <= reference
    greeted.send(View("late", "another", "mask"))
    assert "'another'" in greeted.answer().text


def test_a_reference_without_color_is_told(greeted: Connection) -> None:
    greeted.send_image("colorless", np.repeat(blobs(2, REFERENCE_SHAPE)[..., :1], 3, axis=2), role="reference")
    greeted.transfer("told", reference="colorless")
    notes = greeted.answer()
    greeted.pixels(notes)
    assert [note.code for note in notes.facts.notes] == ["gray_reference"]
    greeted.transfer("colorful")
    result = greeted.answer()
    greeted.pixels(result)
    assert result.facts.notes == ()


def test_a_wrong_request_is_answered_and_the_worker_goes_on(greeted: Connection) -> None:
    for name, request, words in [
        ("a", {"source": "nothing"}, "sent before, got 'nothing'"),
        ("b", {"reference": "nobody"}, "sent before, got 'nobody'"),
        ("c", {"strength": 7.0}, "strength must lie between 0 and 1, got 7"),
        ("d", {"no_such_name": 1}, "unknown parameter 'no_such_name'"),
        ("e", {"reference": "s"}, "differs from the source"),
        ("f", {"\N{GRINNING FACE}" * 2000: 1}, "unknown parameter"),
    ]:
        greeted.transfer(name, **request)
        error = greeted.answer()
        assert isinstance(error, messages.Error)
        assert (error.id, error.code) == (name, "input")
        assert words in error.text
        assert "\n" not in error.text
        assert "Traceback" in error.detail
    greeted.send(Apply("f", "never", 0.5, 0))
    assert "'never'" in greeted.answer().text
    greeted.send(Transfer("g", "s", (image("r"),), QUICK, device="abacus"))
    error = greeted.answer()
    assert (error.id, error.code, error.text.code) == ("g", "device", "no_such_device")
    assert str(error.text).endswith("got 'abacus'; choose another") and "\n" not in error.text
    greeted.transfer("h")
    assert greeted.pixels(greeted.answer()).shape == (48, 64, 3)


def test_a_running_and_a_waiting_job_can_be_canceled(greeted: Connection) -> None:
    greeted.send_image("large", blobs(4, (300, 400)))
    greeted.transfer("running", source="large", working_size=700)
    greeted.transfer("waiting")
    assert isinstance(greeted.receive(), messages.Progress)
    greeted.send(Cancel("waiting"))
    greeted.send(Cancel("running"))
    for name in ("running", "waiting", "unheard of"):
        greeted.send(Cancel(name))
    assert [(error.id, error.code) for error in (greeted.answer(), greeted.answer())] == [("waiting", "canceled"), ("running", "canceled")]
    greeted.transfer("next")
    result = greeted.answer()  # each was answered once
    assert result.id == "next" and greeted.pixels(result).shape == (48, 64, 3)


def test_an_application_can_be_canceled(greeted: Connection) -> None:
    greeted.send_image("wide", blobs(4, (200, 4000)))
    greeted.transfer("applied", source="wide")
    greeted.pixels(greeted.answer())
    for name in ("first", "second"):
        greeted.send(Apply(name, "applied", 0.5, 1))
    greeted.send(Cancel("second"))
    answers = {}
    for _ in range(2):
        answer = greeted.answer()
        answers[answer.id] = type(answer)
        if isinstance(answer, messages.Result):
            greeted.pixels(answer)
    assert answers == {"first": messages.Result, "second": messages.Error}


def test_an_image_replaces_the_one_of_the_same_name(greeted: Connection) -> None:
    greeted.send_image("changing", blobs(5, SHAPE))
    greeted.send_image("changing", blobs(6, SHAPE))
    greeted.transfer(source="changing")
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), expected(blobs(6, SHAPE), blobs(2, REFERENCE_SHAPE)))


def test_a_transfer_is_shown_on_another_size_of_its_source(greeted: Connection) -> None:
    small = halved(blobs(1, SHAPE)).astype(np.uint8)
    greeted.send_image("small", small)
    greeted.transfer("sized", onto="small")
    result = greeted.answer()
    shown = greeted.pixels(result)
    assert result.facts.transfer == "sized" and shown.shape == small.shape
    greeted.send(Apply("whole", "sized", 1.0, 0))
    result = greeted.answer()
    assert (result.id, result.facts.transfer) == ("whole", "sized")
    whole = greeted.pixels(result)
    np.testing.assert_array_equal(whole, expected(blobs(1, SHAPE), blobs(2, REFERENCE_SHAPE)))
    assert np.abs(shown - halved(whole)).mean() < np.abs(small - halved(whole)).mean() / 4
    for onto, shape in (("small", small.shape[:2]), ("", SHAPE)):
        for kind in messages.VIEWS:
            greeted.send(View("look", "sized", kind, onto=onto))
            assert greeted.pixels(greeted.answer()).shape[:2] == shape


@pytest.mark.slow
def test_only_the_last_transfers_are_kept(greeted: Connection) -> None:
    for number in range(messages.KEPT_TRANSFERS + 1):
        greeted.transfer(f"kept {number}", seed=number, patchmatch_iterations=1)
        greeted.pixels(greeted.answer())
    for number, kind in ((0, messages.Error), (1, messages.Result), (messages.KEPT_TRANSFERS, messages.Result)):
        greeted.send(View("look", f"kept {number}", "mask"))
        answer = greeted.answer()
        assert isinstance(answer, kind)
        if kind is messages.Result:
            greeted.pixels(answer)


def halved(pixels: np.ndarray) -> np.ndarray:
    means: np.ndarray = pixels.reshape(pixels.shape[0] // 2, 2, pixels.shape[1] // 2, 2, -1).mean((1, 3))
    return means


def test_the_confidence_is_low_where_the_reference_shows_nothing_of_the_kind(greeted: Connection) -> None:
    half = SHAPE[0] // 2
    source = (landscape(1, SHAPE) * 255).astype(np.uint8)
    greeted.send_image("sky and ground", source)
    greeted.send_image("sky", np.tile(source[:half], (2, 1, 1)), role="reference")
    greeted.transfer("doubtful", source="sky and ground", reference="sky")
    greeted.pixels(greeted.answer())
    greeted.send(View("look", "doubtful", "confidence"))
    confidence = greeted.pixels(greeted.answer()).astype(float)
    assert confidence.std() > 10
    assert confidence[half:].mean() < confidence[:half].mean() - 50


def test_a_canceled_transfer_leaves_the_last_one(greeted: Connection) -> None:
    greeted.transfer("kept")
    kept = greeted.pixels(greeted.answer())
    greeted.transfer("given up", source="r", reference="s")
    greeted.send(Cancel("given up"))
    assert greeted.answer().code == "canceled"
    greeted.send(Apply("again", "kept", 1.0, 0))
    np.testing.assert_array_equal(greeted.pixels(greeted.answer()), kept)


def test_a_forgotten_image_is_gone(greeted: Connection) -> None:
    greeted.send_image("brief", blobs(5, SHAPE))
    greeted.send(Forget("brief"))
    greeted.send(Forget("never there"))
    greeted.transfer(source="brief")
    assert "sent before, got 'brief'" in greeted.answer().text
