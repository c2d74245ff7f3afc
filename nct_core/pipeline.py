"""PROVISIONAL: the real coarse-to-fine pipeline replaces this within the first session. Signatures are final."""
from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import numpy as np
from .errors import Cancelled, InputError
from .params import TransferParams

@dataclass(frozen=True)
class TransferResult:
    """image: float32 [H, W, C] like the source (C = 1..4); confidence: float32 [H, W] in [0, 1];
    correspondences: float32 [H, W, 2] (row, column) in pixels of the first reference; labels: uint8 [H, W] or None."""
    image: np.ndarray
    transform: object
    confidence: np.ndarray
    correspondences: np.ndarray
    labels: np.ndarray | None
    backbone: str          # "VGG-16" or "VGG-19"
    device: str            # what ran it in words, e.g. "CPU" or "NVIDIA H100"
    seconds: float

def transfer(source: np.ndarray, references: Sequence[np.ndarray], params: TransferParams = TransferParams(), *, device: str = "auto",
             weights: str | None = None, progress: Callable[[float, str], None] | None = None, cancel: Callable[[], bool] | None = None) -> TransferResult:
    """source, references: float32 [H, W, C], sRGB-encoded (values outside [0, 1] allowed, they come from wide gamuts), C = 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA."""
    import time
    if not references: raise InputError("expected at least one reference image, got none")
    h, w = source.shape[:2]
    out = source.copy(); n = 1 if source.shape[2] < 3 else 3
    ref = references[0]; rn = 1 if ref.shape[2] < 3 else 3
    for i in range(20):
        if cancel and cancel(): raise Cancelled("the transfer was cancelled")
        if progress: progress(i / 20, f"Matching, level {5 - i // 4} of 5")
        time.sleep(0.02)
    shift = ref[..., :rn].mean((0, 1)) - source[..., :n].mean((0, 1))
    out[..., :n] = np.clip(source[..., :n] + params.strength * (shift if len(shift) == n else shift.mean()), 0, 1)
    rows, cols = np.mgrid[:h, :w].astype(np.float32)
    return TransferResult(out, None, np.ones((h, w), np.float32), np.stack([rows * ref.shape[0] / h, cols * ref.shape[1] / w], -1).astype(np.float32), None, "VGG-16", "CPU", 0.4)
