"""Network weights with planted numbers, and files of them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torchvision_compat import models

from nct_core.features import weights

NETWORKS = {"VGG-16": models.vgg16, "VGG-19": models.vgg19}


@functools.cache
def planted(backbone: str) -> dict[str, np.ndarray]:
    """Arrays with the names and shapes that torchvision gives, each filled with its own number."""
    with torch.device("meta"):
        state = NETWORKS[backbone]().features.state_dict()
    return {f"features.{name}": np.full(tuple(tensor.shape), number, np.float32) for number, (name, tensor) in enumerate(state.items())}


def save_checkpoint(target: Path, key: str, tensors: dict[str, np.ndarray]) -> Path:
    """A checkpoint as torchvision's: torch's old file format, classifier and all, named after its SHA-256."""
    content = {**{name: torch.from_numpy(array) for name, array in tensors.items()}, "classifier.6.bias": torch.zeros(1000)}
    scratch = target / "checkpoint"
    torch.save(content, scratch, _use_new_zipfile_serialization=False)
    return scratch.rename(target / f"{key}-{weights.sha256_of(scratch)[:8]}.pth")
