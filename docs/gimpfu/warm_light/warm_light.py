#!/usr/bin/env python3
"""A classic filter: works on the selected layer, asks with sliders."""

from gimpfu import *
from gi.repository import Gimp


def warm_light(image, drawable, warmth, contrast, keep):
    image.undo_group_start()
    if keep:
        copy = drawable.copy()
        image.insert_layer(copy, drawable.get_parent(), image.get_item_position(drawable))
        drawable = copy
    drawable.color_balance(Gimp.TransferMode.MIDTONES, True, warmth, 0, -warmth)
    drawable.brightness_contrast(0, contrast / 100)
    image.undo_group_end()


register(
    "warm-light",
    "Makes the light of a picture warmer",
    "Moves the midtones toward red and yellow, and raises the contrast",
    "The Neural Color Transfer authors",
    "GPL-3.0-or-later",
    "2026",
    "_Warm Light…",
    "RGB*",
    [
        (PF_IMAGE, "image", "Input image", None),
        (PF_DRAWABLE, "drawable", "Input layer", None),
        (PF_SLIDER, "warmth", "_Warmth", 30, (0, 100, 1)),
        (PF_SLIDER, "contrast", "_Contrast (%)", 10, (-50, 50, 1)),
        (PF_TOGGLE, "keep", "_Keep the layer", True),
    ],
    [],
    warm_light,
    menu="<Image>/Filters",
)
main()
