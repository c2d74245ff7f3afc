"""The file of a transform (``.nct``): safetensors with a version; data only, nothing in it is ever run (ours)."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..contract.errors import InputError
from ..contract.params import TransferParams

SUFFIX = ".nct"
VERSION = 1
"""Of the file; a program reads those up to its own."""
_KEY = "neural-color-transfer"  # of the one entry of metadata; of several the order would differ from file to file
_LAYOUT = {"coefficients": (None, None, 6), "lightness": (None, None), "colors": (None, 3)}


@dataclass(frozen=True)
class Made:
    """What a transform was made with.

    Attributes:
        params: of the transfer.
        backbone: "VGG-16" or "VGG-19".
    """

    params: TransferParams
    backbone: str


@dataclass(frozen=True)
class Saved:
    """The contents of a file, on the CPU.

    Attributes:
        coefficients: float32 [h, w, 6], and
        lightness: float32 [h, w], see :class:`nct_core.ColorTransform`.
        colors: float32 [N, 3], see :class:`nct_core.transform.global_look.GlobalLook`.
        made: what it was made with.
    """

    coefficients: torch.Tensor
    lightness: torch.Tensor
    colors: torch.Tensor
    made: Made


def write(path: str | os.PathLike[str], saved: Saved) -> None:
    """Writes a file, whole or not at all; an existing one is replaced.

    Raises:
        InputError: the name does not end in ``.nct``, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{path}: expected a file name that ends in {SUFFIX}, got {path.suffix or 'none'!r}")
    tensors = {name: getattr(saved, name).cpu().contiguous() for name in _LAYOUT}
    made = {"version": VERSION, "params": dataclasses.asdict(saved.made.params), "backbone": saved.made.backbone}
    data = save(tensors, {_KEY: json.dumps(made)})
    partial = path.with_name(f".nct-{secrets.token_hex(4)}{SUFFIX}")
    try:
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected to write the file, got {error.strerror or error}; make room or choose another folder") from error


def read(path: str | os.PathLike[str]) -> Saved:
    """Reads a file that :func:`write` wrote.

    Raises:
        InputError: there is no such file, it is damaged, of another kind, or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a look that was saved, got {'a folder' if path.is_dir() else 'no such file'}; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            made = _made(path, (file.metadata() or {}).get(_KEY))
            tensors = {name: file.get_tensor(name) for name in _LAYOUT}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected a look that was saved, it is damaged or of another kind ({error}); save it again") from error
    height_width = tuple(tensors["lightness"].shape)
    for name, layout in _LAYOUT.items():
        tensor = tensors[name]
        fits = len(tensor.shape) == len(layout) and all(wanted in (None, size) for wanted, size in zip(layout, tensor.shape)) and tensor.numel() > 0
        if not fits or tensor.dtype != torch.float32 or not bool(tensor.isfinite().all()) or (name == "coefficients" and tensor.shape[:2] != height_width):
            raise InputError(f"{path}: expected a look that was saved, its {name} are damaged; save it again")
    return Saved(**tensors, made=made)


def _made(path: Path, text: str | None) -> Made:
    """What the metadata say."""
    if text is None:
        raise InputError(f"{path}: expected a look that was saved, got safetensors of another kind; choose a file that 'nct transfer --save' wrote")
    try:
        told = json.loads(text)
        version = told["version"]
        if isinstance(version, int) and version > VERSION:
            raise InputError(f"{path}: expected a look of version 1 to {VERSION}, got version {version} of a newer program; update this one")
        if version != VERSION:
            raise InputError(f"{path}: expected a look of version 1 to {VERSION}, got version {version!r}; save it again")
        return Made(_params(path, told["params"]), str(told["backbone"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: expected a look that was saved, what it says of itself is damaged ({error}); save it again") from error


def _params(path: Path, values: dict[str, Any]) -> TransferParams:
    try:
        return TransferParams.from_mapping(values)
    except InputError as error:
        raise InputError(f"{path}: expected a look that was saved, what it says of itself is damaged ({error}); save it again") from error
