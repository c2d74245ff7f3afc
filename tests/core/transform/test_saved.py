"""A transform that is saved, loaded and put on pictures again."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import landscape
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import ColorTransform, InputError, TransferParams, TransferResult, transfer
from nct_core.pixels.resample import resize

PARAMS = TransferParams(working_size=128, patchmatch_iterations=2, content=0.8)


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    return landscape(1, (150, 220))


@pytest.fixture(scope="module")
def result(source: np.ndarray) -> TransferResult:
    return transfer(source, [landscape(2, (90, 120), sky=(0.9, 0.5, 0.3), ground=(0.2, 0.15, 0.25))], PARAMS, device="cpu")


@pytest.fixture
def look(result: TransferResult, tmp_path: Path) -> Path:
    result.save(tmp_path / "look.nct")
    return tmp_path / "look.nct"


def sized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return resize(torch.from_numpy(image), (height, width)).numpy()


def test_what_is_loaded_is_what_was_saved(result: TransferResult, look: Path, source: np.ndarray) -> None:
    loaded = ColorTransform.load(look)
    assert loaded.made is not None and loaded.made == result.transform.made
    assert loaded.made.params == PARAMS
    assert [path.name for path in look.parent.iterdir()] == ["look.nct"]
    for image in (source, sized(source, 300, 440), sized(source, 75, 110)):
        np.testing.assert_array_equal(loaded.apply(image, 0.7, 0.3), result.transform.apply(image, 0.7, 0.3))


def test_equal_transforms_give_equal_files(result: TransferResult, look: Path) -> None:
    before = look.read_bytes()
    ColorTransform.load(look).save(look)
    assert look.read_bytes() == before


@pytest.mark.parametrize(("height", "width"), [(150, 220), (600, 880), (41, 60), (301, 441)])
def test_the_same_picture_is_known_at_every_size(result: TransferResult, source: np.ndarray, height: int, width: int) -> None:
    coarse = np.rint(sized(source, height, width) * 255) / np.float32(255)
    assert result.transform.shows(coarse)


def test_another_picture_is_not_the_same(result: TransferResult, source: np.ndarray) -> None:
    for other in (landscape(5, (150, 220)), source[:, ::-1].copy(), source[:-20], np.clip(source * 1.15, 0, 1), sized(source, 150, 200)):
        assert not result.transform.shows(other)


def test_another_picture_gets_the_look_of_the_reference(result: TransferResult) -> None:
    """The same as a transfer that takes the look alone."""
    other = landscape(7, (120, 160), sky=(0.3, 0.6, 0.9), horizon=0.7)
    reference = landscape(2, (90, 120), sky=(0.9, 0.5, 0.3), ground=(0.2, 0.15, 0.25))
    found = result.transform.for_other(other).apply(other)
    wanted = transfer(other, [reference], TransferParams(working_size=128, patchmatch_iterations=2, content=0.0), device="cpu").image
    difference, before = (deltaE_ciede2000(rgb2lab(image.clip(0, 1)), rgb2lab(wanted.clip(0, 1))).mean() for image in (found, other))
    assert difference < 2.5 < 6 < before


def test_the_look_respects_alpha_gray_and_strength(result: TransferResult) -> None:
    other = np.dstack([landscape(7, (60, 80)), np.ones((60, 80), np.float32)])
    other[:10, :, 3] = 0
    found = result.transform.for_other(other).apply(other, 0.5)
    np.testing.assert_array_equal(found[:10], other[:10])
    assert np.abs(found[10:] - other[10:]).max() > 0.02
    gray = np.ascontiguousarray(other[..., :1])
    assert result.transform.for_other(gray).apply(gray).shape == gray.shape


def test_a_transform_that_no_transfer_made_has_no_look(tmp_path: Path) -> None:
    bare = ColorTransform(torch.zeros(8, 8, 6), torch.zeros(8, 8))
    with pytest.raises(InputError, match="got one without a look"):
        bare.save(tmp_path / "look.nct")
    with pytest.raises(InputError, match="got one without a look"):
        bare.for_other(landscape(1))
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_written(result: TransferResult, tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "look.png", "ends in .nct"), (tmp_path / "no" / "look.nct", "No such file"), (tmp_path, "ends in .nct")):
        with pytest.raises(InputError, match=reason):
            result.save(path)
    (tmp_path / "taken.nct").mkdir()
    with pytest.raises(InputError, match="expected to write the file"):
        result.save(tmp_path / "taken.nct")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.nct"]


def with_metadata(data: bytes, change: Callable[[dict[str, Any]], object], key: str = "neural-color-transfer") -> bytes:
    """The same file with other metadata."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    told = json.loads(header["__metadata__"]["neural-color-transfer"])
    change(told)
    header["__metadata__"] = {key: json.dumps(told)}
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + data[8 + size :]


def with_nan(data: bytes) -> bytes:
    return data[:-4] + struct.pack("<f", float("nan"))


DAMAGED = {
    "empty": (lambda _: b"", "damaged or of another kind"),
    "cut": (lambda data: data[: len(data) // 2], "damaged or of another kind"),
    "pickle": (lambda _: pickle.dumps({"coefficients": [1.0]}), "damaged or of another kind"),
    "foreign": (lambda data: with_metadata(data, lambda told: None, "weights"), "safetensors of another kind"),
    "newer": (lambda data: with_metadata(data, lambda told: told.update(version=2)), "version 2 of a newer program; update this one"),
    "older": (lambda data: with_metadata(data, lambda told: told.update(version=0)), "got version 0"),
    "no version": (lambda data: with_metadata(data, lambda told: told.pop("version")), "what it says of itself is damaged"),
    "strange version": (lambda data: with_metadata(data, lambda told: told.update(version="x")), "got version 'x'"),
    "parameters": (lambda data: with_metadata(data, lambda told: told["params"].update(strength=7)), "strength must lie between 0 and 1"),
    "unknown parameter": (lambda data: with_metadata(data, lambda told: told["params"].update(sharpness=1)), "unknown parameter 'sharpness'"),
    "no parameters": (lambda data: with_metadata(data, lambda told: told.update(params=[])), "what it says of itself is damaged"),
    "not finite": (with_nan, "are damaged"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_foreign_and_newer_files(case: str, look: Path) -> None:
    change, reason = DAMAGED[case]
    look.write_bytes(change(look.read_bytes()))
    with pytest.raises(InputError, match=reason) as caught:
        ColorTransform.load(look)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{look}: expected")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.nct", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(InputError, match=reason):
            ColorTransform.load(path)
