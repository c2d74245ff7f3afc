"""Guides from files: masks, label maps and the JSON file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nct_core import InputError, LabelMaps, Pin, Protect, RegionPair
from nct_core.files.guides import label_maps, read_guides, read_mask
from nct_core.files.picture import Picture
from nct_core.files.write import write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two masks, a picture of labels, and a place for the JSON file."""
    mask = np.zeros((20, 30, 1), np.uint8)
    mask[:8] = 255
    write_picture(tmp_path / "sky.png", Picture(mask))
    write_picture(tmp_path / "ground.png", Picture(255 - mask))
    write_picture(tmp_path / "labels.png", Picture(np.repeat(mask, 3, 2)))
    return tmp_path


def write(folder: Path, content: object) -> Path:
    (folder / "guides.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "guides.json"


def test_all_kinds(folder: Path) -> None:
    content = {
        "pins": [{"source": [3, 4.5], "reference": [1, 2]}, {"source": [0, 0], "reference": [5, 6], "number": 2}],
        "pairs": [{"source": "sky.png", "reference": "ground.png", "number": 3, "name": "upside down"}],
        "labels": [{"source": "labels.png", "reference": "labels.png"}],
        "protect": [{"mask": "ground.png"}],
    }
    first, second, pair, maps, kept = read_guides(write(folder, content))
    assert first == Pin((4.5, 3), (2, 1)) and second == Pin((0, 0), (6, 5), number=1)
    assert isinstance(pair, RegionPair) and pair.number == 2 and pair.name == "upside down"
    assert pair.source[:8].min() == 1 and pair.source[8:].max() == 0 and pair.reference[:8].max() == 0
    assert isinstance(maps, LabelMaps) and maps.source.shape == (20, 30, 3) and maps.number == 0
    assert isinstance(kept, Protect) and kept.name == "ground"


def test_what_is_transparent_or_dark_is_outside_of_a_mask(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 4), 65535, np.uint16)
    pixels[:, 2:4, 3], pixels[:, 4:, :3] = 0, 0
    write_picture(tmp_path / "mask.png", Picture(pixels))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), np.repeat([[1, 1, 0, 0, 0, 0]], 4, 0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object with the lists pins, pairs, labels, protect"),
        ({"pin": []}, "expected an object with the lists"),
        ({"pins": {"source": [1, 2]}}, "expected an object with the lists"),
        ({"pins": [[1, 2]]}, "pins, entry 1: expected an object, got [1, 2]"),
        ({"pins": [{"source": [1, 2], "reference": [1, 2]}, {"source": [1, 2]}]}, "pins, entry 2: expected a point [x, y] as 'reference', got None"),
        ({"pins": [{"source": [1, True], "reference": [1, 2]}]}, "expected a point [x, y] as 'source', got [1, True]"),
        ({"pins": [{"source": [1, 2], "reference": [1, 2], "number": 0}]}, "expected the number of a reference, counted from 1"),
        ({"pins": [{"source": [1, 2], "reference": [1, 2], "colour": 0}]}, "expected some of source, reference, number, got 'colour'"),
        ({"pairs": [{"source": 3, "reference": "sky.png"}]}, "pairs, entry 1: expected a text as 'source', got 3"),
        ({"protect": [{"mask": "none.png"}]}, "none.png: expected an image file, but there is no such file"),
    ],
)
def test_a_file_that_says_something_else(content: object, message: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_guides(write(folder, content))
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "broken.json").write_text("{pins", encoding="utf-8")
    (folder / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("broken.json", "bytes.json", "missing.json", "."):
        with pytest.raises(InputError, match="expected a JSON file of guides, got"):
            read_guides(folder / name)


def test_label_maps_have_8_bits(tmp_path: Path) -> None:
    write_picture(tmp_path / "deep.png", Picture(np.zeros((4, 6, 3), np.uint16)))
    with pytest.raises(InputError, match=r"deep\.png: expected a label map of 8 bits per channel, got uint16"):
        label_maps(tmp_path / "deep.png", tmp_path / "deep.png", 1)
