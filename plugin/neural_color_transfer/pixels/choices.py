"""What the user can choose for a transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .references import ChosenReference

NEW_LAYER, CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE = "new-layer", "confidence-mask", "layer-per-reference", "new-image"
"""Where the result goes: the values of the procedure's argument "output"."""


@dataclass(frozen=True)
class TransferChoices:
    """Everything that a transfer depends on besides its source.

    Attributes:
        references: the layers and files to take colors from; in the dialog empty while they cannot be used.
        selected_only: whether a reference layer counts only inside the selection of its own image.
        output: where the result goes, for example :data:`NEW_LAYER`.
        device: the device that computes, as :attr:`nct_shared.messages.Transfer.device` names it.
        params: names and values of all parameters in :mod:`nct_shared.params`.
    """

    references: Sequence[ChosenReference]
    selected_only: bool
    output: str
    device: str
    params: Mapping[str, Any]
