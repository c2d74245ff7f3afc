"""Weights files: what is stored is loaded, and nothing but the expected bytes is ever used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from weights_files import NETWORKS, planted, save_checkpoint

from nct_core.contract.errors import WeightsError
from nct_core.features import weights
from nct_core.features.weights.__main__ import main


def test_the_installed_weights_fit_torchvisions_network() -> None:
    file = weights.find()
    loaded = weights.load(file)
    NETWORKS[file.backbone]().features.load_state_dict({name.removeprefix("features."): tensor for name, tensor in loaded.items()}, strict=True)
    if file.backbone == "VGG-16":  # the first values of torchvision's published vgg16-397923af.pth
        assert weights.sha256_of(file.path) == weights.VGG16_SHA256
        torch.testing.assert_close(loaded["features.0.weight"][0, 0, 0], torch.tensor([-0.5537, 0.1427, 0.5290]), atol=5e-5, rtol=0)


@pytest.mark.parametrize("backbone", NETWORKS)
def test_what_is_stored_is_loaded(backbone: str, tmp_path: Path) -> None:
    file = weights.store(backbone, planted(backbone), tmp_path)
    assert file == weights.find(file.path)
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name]
    loaded = weights.load(file)
    assert loaded.keys() == planted(backbone).keys()
    for name, tensor in loaded.items():
        np.testing.assert_array_equal(tensor.numpy(), planted(backbone)[name])


def test_vgg19_is_preferred(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"found none; run install\.py"):
        weights.find()
    weights.store("VGG-16", planted("VGG-16"), folder)
    assert weights.find().backbone == "VGG-16"
    weights.store("VGG-19", planted("VGG-19"), folder)
    assert weights.find().backbone == "VGG-19"


def test_a_given_path_is_used_or_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no such file"):
        weights.find(tmp_path / "vgg16-00000000.safetensors")
    nameless = tmp_path / "my_weights.safetensors"
    nameless.write_bytes(b"")
    with pytest.raises(WeightsError, match="named after its SHA-256"):
        weights.find(nameless)


def test_torchvisions_own_checkpoint_can_be_given(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, "vgg16", planted("VGG-16"))
    loaded = weights.load(weights.find(path))
    assert loaded.keys() == planted("VGG-16").keys()


@pytest.mark.parametrize("damage", ["one bit", "truncated"])
def test_a_damaged_file_is_refused(damage: str, tmp_path: Path) -> None:
    file = weights.store("VGG-16", planted("VGG-16"), tmp_path)
    data = bytearray(file.path.read_bytes())
    data[30_000_000] ^= 1
    file.path.write_bytes(data if damage == "one bit" else data[:1_000_000])
    actual = weights.sha256_of(file.path)
    with pytest.raises(WeightsError, match=rf"begin with {file.sha256} but is {actual}; delete it and run install\.py again"):
        weights.load(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no safetensors at all", "cannot be read"),
        (b"\xff" * 64, "cannot be read"),
        (save({"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)}), "found other tensors"),
    ],
)
def test_a_file_of_something_else_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / f"vgg16-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        weights.load(weights.find(path))


def test_incomplete_weights_are_not_stored(tmp_path: Path) -> None:
    half = {name: array for name, array in planted("VGG-16").items() if name.endswith("bias")}
    with pytest.raises(WeightsError, match="expected the 26 tensors of VGG-16's convolutions, got 13"):
        weights.store("VGG-16", half, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_reports_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == 2
    assert "run install.py again" in capsys.readouterr().err
    stored = weights.store("VGG-16", planted("VGG-16"), folder)
    assert main(["show"]) == 0
    assert capsys.readouterr().out.split() == ["VGG-16:", str(stored.path)]
