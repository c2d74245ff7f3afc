"""Labels of the dialog that do not belong to a parameter, and the presets, in the user's language."""

from __future__ import annotations

from pixels.choices import CONFIDENCE_MASK, LAYER_PER_REFERENCE, NEW_IMAGE, NEW_LAYER

from .language import _

TITLE = _("Neural Color Transfer")
OUTPUTS = (
    (_("New layer"), NEW_LAYER),
    (_("New layer, masked where the match is uncertain"), CONFIDENCE_MASK),
    (_("A layer for each reference, in a group"), LAYER_PER_REFERENCE),
    (_("New image"), NEW_IMAGE),
)
PRESETS: tuple[tuple[str, str, dict[str, float]], ...] = (
    (_("_Natural"), _("Suits most pictures"), {}),
    (
        _("_Faithful to the reference"),
        _("Takes more of the reference's colors and contrast; for pictures with similar content"),
        {"content": 0.75, "bds_weight": 4.0, "contrast_weight": 4.0},
    ),
    (_("Loo_k only"), _("Only the overall look of the reference: tone, contrast and color cast; for pictures that show different things"), {"content": 0.0}),
    (_("S_ubtle"), _("Half the strength, with only the colors that match well"), {"strength": 0.5, "bds_weight": 1.0}),
)
"""Label, tooltip, and the parameters that differ from their defaults."""

TAKE_FROM = _("_Take colors from:")
ADD_FILES = _("_Add files…")
SELECTED_ONLY = _("Onl_y inside their selections")
OUTPUT = _("Out_put")
ADVANCED = _("Ad_vanced")
DEVICE = _("Computes on")
DETAILS = _("Show _details")
START_AGAIN = _("Start a_gain")
WITH_MNEMONICS = (TAKE_FROM, ADD_FILES, SELECTED_ONLY, OUTPUT, ADVANCED, DETAILS, START_AGAIN, *(label for label, _effect, _values in PRESETS))
"""Labels whose mnemonics the labels of the parameters must not use."""
