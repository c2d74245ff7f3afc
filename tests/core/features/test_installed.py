import dataclasses
import os
import shutil

import pytest
import torch

from nct_core import WeightsError
from nct_core.features import weights
from nct_core.features.installed import forget_pictures, installed

CPU = torch.device("cpu")


def test_the_network_is_read_once():
    file = weights.find()
    assert installed(file, CPU, exact=False) is installed(weights.find(), CPU, exact=False)
    assert installed(file, CPU, exact=True) is not installed(file, CPU, exact=False)


def test_a_file_that_has_changed_is_read_and_verified_again(tmp_path):
    file = dataclasses.replace(weights.find(), path=tmp_path / weights.find().path.name)
    shutil.copyfile(weights.find().path, file.path)
    network = installed(file, CPU, exact=True)
    assert installed(file, CPU, exact=True) is network
    with open(file.path, "r+b") as damaged:
        damaged.seek(-4, os.SEEK_END)
        damaged.write(b"none")
    os.utime(file.path, ns=(0, 0))
    with pytest.raises(WeightsError, match="damaged"):
        installed(file, CPU, exact=True)
    file.path.unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        installed(file, CPU, exact=True)


def test_a_picture_that_comes_again_is_seen_once(monkeypatch):
    network, passes = installed(weights.find(), CPU, exact=False), []
    forget_pictures()
    monkeypatch.setattr(type(network), "__call__", lambda self, image, levels, advance: passes.append(levels) or {5: image.sum()})
    image = torch.rand(32, 32, 3)
    assert network.kept(image, [5]) == network.kept(image.clone(), [5])
    assert network.half_size(image) == network.half_size(image)
    assert len(passes) == 2
    forget_pictures()
    network.kept(image, [5])
    assert len(passes) == 3
    forget_pictures()  # these are no features
