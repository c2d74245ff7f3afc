"""What can be chosen besides the parameters, in the user's language."""

from __future__ import annotations

from language import _

TITLE = _("Neural Color Transfer")
NEW_LAYER, CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE = "new-layer", "confidence-mask", "layer-per-reference", "new-image"
OUTPUTS = (
    (_("New layer"), NEW_LAYER),
    (_("New layer, masked where the match is unsure"), CONFIDENCE_MASK),
    (_("A layer for each reference, in a group"), LAYER_PER_REFERENCE),
    (_("New image"), NEW_IMAGE),
)
PRESETS: tuple[tuple[str, str, dict[str, float]], ...] = (
    (_("_Natural"), _("What suits most pictures"), {}),
    (
        _("_Faithful to the reference"),
        _("More of the reference's colors and contrast, for pictures that are much alike"),
        {"bds_weight": 4.0, "contrast_weight": 4.0},
    ),
    (_("S_ubtle"), _("Half the way, and only what matches well"), {"strength": 0.5, "bds_weight": 1.0}),
)
"""Label, effect and the parameters that differ from their defaults."""

TAKE_FROM = _("_Take colors from:")
ADD_FILES = _("_Add files…")
SELECTED_ONLY = _("Onl_y what is selected in them")
OUTPUT = _("Out_put")
ADVANCED = _("Ad_vanced")
DETAILS = _("Show _details")
LABELS = (TAKE_FROM, ADD_FILES, SELECTED_ONLY, OUTPUT, ADVANCED, DETAILS, *(label for label, _effect, _values in PRESETS))
"""Those with mnemonics, which the parameters' labels must leave to them."""
