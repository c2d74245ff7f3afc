"""torchvision.models, also where torchvision's compiled operators cannot be loaded.

Where torch is a CPU build and torchvision a CUDA build (what a plain ``pip install`` can bring together), importing torchvision stops
at "operator torchvision::nms does not exist". The networks need none of these operators, the import only their schemas. Import
``models`` from here and from nowhere else.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("expected the package torchvision in this Python environment, found none; run install.py again")
    if hasattr(os, "add_dll_directory"):  # Windows looks for a library's own libraries there, as torchvision asks it to
        os.add_dll_directory(str(Path(spec.origin).parent))
    libraries = [file for file in Path(spec.origin).parent.glob("_C*") if file.suffix in (".so", ".pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(library)  # torchvision loads the same file, which then does nothing
    except OSError:
        return False
    return bool(libraries)


def _define_schemas() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library


# Definitions last as long as their Library object.
_library = None if _operators_load() else _define_schemas()

from torchvision import models  # noqa: E402

__all__ = ["models"]
