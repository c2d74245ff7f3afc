"""What can be chosen besides the parameters."""

from __future__ import annotations

NEW_LAYER, CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE = "new-layer", "confidence-mask", "layer-per-reference", "new-image"
OUTPUTS = (
    ("New layer", NEW_LAYER),
    ("New layer, masked where the match is unsure", CONFIDENCE_MASK),
    ("A layer for each reference, in a group", LAYER_PER_REFERENCE),
    ("New image", NEW_IMAGE),
)
PRESETS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("_Natural", "What suits most pictures", {}),
    (
        "_Faithful to the reference",
        "More of the reference's colours and contrast, for pictures that are much alike",
        {"bds_weight": 4.0, "contrast_weight": 4.0},
    ),
    ("S_ubtle", "Half the way, and only what matches well", {"strength": 0.5, "bds_weight": 1.0}),
)
"""Label, effect and the parameters that differ from their defaults."""
