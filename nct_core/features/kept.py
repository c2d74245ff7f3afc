"""What the network has seen lately, so that a picture that comes again needs no network (ours): another reference, another setting, the other order."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
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
        self._entries: OrderedDict[tuple[object, ...], Features] = OrderedDict()

    def get(self, image: torch.Tensor, levels: range | list[int], compute: Callable[[], Features]) -> Features:
        """The features of an image.

        Args:
            image: float32 [H, W, 3], on the CPU.
            levels: the wanted levels.
            compute: gives the features of these levels where they are not kept.

        Returns:
            level -> tensor, in a dictionary of the caller's own. The tensors are shared and must not be changed.
        """
        key = (hashlib.sha256(image.contiguous().numpy().tobytes()).digest(), tuple(image.shape), *levels)
        if key not in self._entries:
            self._entries[key] = compute()
        self._entries.move_to_end(key)
        found = dict(self._entries[key])
        while self._entries and self.nbytes > self.limit:
            self._entries.popitem(last=False)
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of all features that are kept."""
        return sum(tensor.nbytes for features in self._entries.values() for tensor in features.values())
