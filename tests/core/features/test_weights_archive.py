"""The archive that holds VGG-16's weights: read as data, and only if it is the published one."""

from __future__ import annotations

import io
import os
import pickle
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nct_core.contract.errors import WeightsError
from nct_core.features import weights
from nct_core.features.weights import archive


class _Danger:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("thing", "named"),
    [
        (_Danger(os.system, "true"), "system"),
        (_Danger(eval, "1"), "builtins.eval"),
        (_Danger(getattr, "text", "upper"), "builtins.getattr"),
        (_Danger(np.load, "x"), "load"),
        (_Danger(np.dtype, "O"), "object"),
        (np.array([{}], dtype=object), "object"),
        (Path("/"), "pathlib"),
    ],
)
def test_a_pickle_of_anything_but_arrays_is_refused(thing: Any, named: str) -> None:
    with pytest.raises(WeightsError, match=rf"arrays and nothing else.*{re.escape(named)}"):
        archive.load_arrays(pickle.dumps({"layer": thing}, protocol=3))


@pytest.mark.parametrize("data", [b"", b"\x80\x03", b"garbage", pickle.dumps(np.zeros(9))[:-20]])
def test_a_damaged_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match="expected a pickle of numpy arrays"):
        archive.load_arrays(data)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_arrays_are_read_as_numpy_1_and_2_wrote_them(module: bytes) -> None:
    arrays = {"a": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "b": [np.arange(3)], "c": {"d": np.asfortranarray(np.eye(3, 2))}}
    data = pickle.dumps(arrays, protocol=3).replace(b"cnumpy._core.multiarray", b"c" + module)
    assert module in data
    loaded = archive.load_arrays(data)
    np.testing.assert_array_equal(loaded["a"], arrays["a"])
    np.testing.assert_array_equal(loaded["b"][0], np.arange(3))
    np.testing.assert_array_equal(loaded["c"]["d"], np.eye(3, 2))


def test_an_archive_with_another_checksum_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / archive.FILE
    with tarfile.open(path, "w:gz") as tar:
        data = pickle.dumps({"VGG16_0": _Danger(os.system, f"touch {tmp_path}/ran")}, protocol=3)
        member = tarfile.TarInfo(archive.MEMBER)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    expected, actual = archive.SHA256, weights.sha256_of(path)
    with pytest.raises(WeightsError, match=f"expected SHA-256 {expected} of {path.name}, got {actual}"):
        archive.read(path)
    assert not (tmp_path / "ran").exists()
