"""Label maps and intermediate maps as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nct_core.files.read import read_picture
from nct_core.pixels.working import WorkingImage, prepare
from nct_core.result import LevelMaps, TransferResult
from nct_core.transform.apply import ColorTransform
from nct_core.views import label_sheet
from nct_core.views.level_maps import MapWriter


def result(labels: np.ndarray, shares: list[float], shape: tuple[int, int]) -> TransferResult:
    nothing = ColorTransform(torch.zeros(1, 1, 6), torch.zeros(1, 1))
    return TransferResult(np.zeros((*shape, 3), np.float32), nothing, shares, "VGG-16", "CPU", 0.0, (), [], labels, np.ones(labels.shape, np.float32))


def gray(height: int, width: int, value: float = 0.5, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), value, np.float32)


def test_colors_differ() -> None:
    colors = {label_sheet.color(number) for number in range(40)}
    assert len(colors) == 40


def test_a_name_that_no_font_has_is_left_out_and_its_number_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def legend(name: str) -> np.ndarray:
        labels = np.zeros((40, 50), np.uint8)
        return label_sheet.draw(result(labels, [1.0], (40, 50)), gray(40, 50), [gray(40, 50, 0.3)], [name])

    monkeypatch.setattr(label_sheet, "_FONTS", ("no such font.ttf",))
    for name in ("風景", "منظر", "🌄", "\udcff.png"):
        np.testing.assert_array_equal(legend(name), legend("結"))
    assert legend("abc").shape == legend("結").shape and (legend("abc") != legend("結")).any()


def test_the_map_lies_over_the_source_and_the_legend_below() -> None:
    labels = np.repeat([[0] * 60 + [1] * 40], 80, 0).astype(np.uint8)
    references = [gray(50, 90, 0.2), gray(700, 300, 0.9), gray(30, 30, 0.6, channels=2)]
    sheet = label_sheet.draw(result(labels, [0.6, 0.4, 0.0], (160, 200)), gray(160, 200), references, ["one.png", "zwei ö.png", "x" * 200])
    assert sheet.dtype == np.uint8 and sheet.shape[0] > 160 + 150
    np.testing.assert_array_equal(sheet[16 + 80, 16 + 100], np.rint(np.array(label_sheet.color(0)) * (0.45 + 0.55 * 128 / 255)))
    np.testing.assert_array_equal(sheet[16 + 80, 16 + 140], np.rint(np.array(label_sheet.color(1)) * (0.45 + 0.55 * 128 / 255)))
    below = {tuple(pixel) for pixel in sheet[16 + 160 :].reshape(-1, 3)}
    assert {label_sheet.color(0), label_sheet.color(1), label_sheet.color(2)} <= below  # the frames
    assert {(51, 51, 51), (230, 230, 230), (153, 153, 153)} <= below  # the thumbnails
    assert (20, 20, 20) in below and (130, 130, 130) in below  # text, faint for what was not used


def test_many_references_flow_into_lines() -> None:
    sheet = label_sheet.draw(result(np.zeros((8, 8), np.uint8), [1 / 20] * 20, (300, 900)), gray(300, 900), [gray(20, 40)] * 20, ["a"] * 20)
    assert 932 <= sheet.shape[1] <= 1000 and sheet.shape[0] > 300 + 2 * 80


def test_maps_of_a_level(tmp_path: Path) -> None:
    rows, cols = np.mgrid[0:64, 0:96].astype(np.float32)
    source = prepare(np.stack([rows / 64, cols / 96, 0 * rows], -1), 96, torch.device("cpu"))
    reference: WorkingImage = prepare(np.stack([0 * rows, cols / 96, rows / 64], -1), 96, torch.device("cpu"))
    identity = np.stack(np.mgrid[0:4, 0:6], -1).astype(np.int32)
    coefficients = torch.zeros(64, 96, 6)
    coefficients[..., 0::2] = 1.0
    coefficients[:32, :, 0] = 4.0
    MapWriter(tmp_path)(
        LevelMaps(
            level=5, source=source, references={2: reference}, fields={2: identity}, grids={2: (4, 6)}, labels=np.full((4, 6), 2, np.uint8),
            guidance=reference.lab_on((4, 6)), confidence=torch.linspace(0, 1, 24).reshape(4, 6), coefficients=coefficients,
        )
    )  # fmt: skip
    pictures = {path.stem: read_picture(path).pixels for path in tmp_path.iterdir()}
    assert set(pictures) == {f"1-{what}" for what in ("field-3", "guidance", "confidence", "labels", "slope", "result")}
    assert all(pixels.shape[:2] == (64, 96) for pixels in pictures.values())
    # The identity draws the reference onto the source as it is.
    np.testing.assert_allclose(pictures["1-field-3"], np.rint(reference.rgb.numpy() * 255), atol=1)
    np.testing.assert_allclose(pictures["1-result"][32:], np.rint(source.rgb.numpy()[32:] * 255), atol=1)
    assert (pictures["1-slope"][:32] == 255).all() and (pictures["1-slope"][32:] == 128).all()
    assert pictures["1-confidence"][0, 0, 0] == 0 and pictures["1-confidence"][-1, -1, 0] == 255
