"""What the network has seen lately, so that a picture that comes again needs no network (ours): another reference, another setting, the other order."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import torch

Features = dict[int, torch.Tensor]

KEPT_BYTES = 128 << 20
"""Room for about three pictures of 700x500."""


class KeptFeatures:
    """The features of pictures, by their content. Those that were used longest ago give way.

    Args:
        limit: bytes of all features together. What exceeds it alone is not kept.

    Example:
        >>> kept, image = KeptFeatures(1 << 20), torch.zeros(16, 16, 3)
        >>> first = kept.get(image, [1], lambda: {1: torch.zeros(16, 16, 64)})
        >>> kept.get(image.clone(), [1], dict)[1] is first[1]
        True
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self._entries: dict[tuple[object, ...], Features] = {}  # from the longest unused to the newest
        self._lock = threading.Lock()

    def get(self, image: torch.Tensor, levels: range | list[int], compute: Callable[[], Features]) -> Features:
        """The features of an image.

        Args:
            image: float32 [H, W, 3], on the CPU.
            levels: the wanted levels.
            compute: gives the features of these levels where they are not kept.

        Returns:
            level -> tensor, in a dictionary of the caller's own. The tensors are shared and must not be changed.
        """
        key = (hashlib.sha256(image.numpy().tobytes()).digest(), tuple(image.shape), *levels)
        with self._lock:
            found = self._entries.pop(key, None)
        if found is None:
            found = compute()
        with self._lock:
            self._entries[key] = found  # as the newest
            while self._entries and self.nbytes > self.limit:
                del self._entries[next(iter(self._entries))]
        return dict(found)

    @property
    def nbytes(self) -> int:
        """Bytes of all features that are kept."""
        return sum(tensor.nbytes for features in self._entries.values() for tensor in features.values())
