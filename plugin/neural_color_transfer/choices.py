"""What can be chosen besides the parameters."""

from __future__ import annotations

NEW_LAYER, CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE = "new-layer", "confidence-mask", "layer-per-reference", "new-image"
OUTPUTS = (
    ("New layer", NEW_LAYER),
    ("New layer, masked where the match is unsure", CONFIDENCE_MASK),
    ("A layer for each reference, in a group", LAYER_PER_REFERENCE),
    ("New image", NEW_IMAGE),
)
