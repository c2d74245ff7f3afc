#!/usr/bin/env python3
"""A classic script that makes an image: it needs none to start from."""

from gimpfu import *
from gi.repository import Gimp

SIZES = ((640, 480), (1280, 960), (480, 640))


def plain_card(size, color, frame, frame_color):
    width, height = SIZES[size]
    image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
    image.undo_disable()
    Gimp.context_push()
    layer = Gimp.Layer.new(image, "Card", width, height, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    for inset, fill in ((0, frame_color), (frame, color)):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, inset, inset, width - 2 * inset, height - 2 * inset)
        Gimp.context_set_foreground(fill)
        layer.edit_fill(Gimp.FillType.FOREGROUND)
    Gimp.Selection.none(image)
    Gimp.context_pop()
    image.undo_enable()
    return image


register(
    "plain-card",
    "Makes a plain card with a frame",
    "Makes an image of one color with a frame of another",
    "The Neural Color Transfer authors",
    "GPL-3.0-or-later",
    "2026",
    "_Plain Card…",
    "",
    [
        (PF_OPTION, "size", "_Size", 0, ("Small", "Large", "Upright")),
        (PF_COLOR, "color", "_Color", (255, 240, 200)),
        (PF_SPINNER, "frame", "_Frame (pixels)", 20, (0, 200, 1)),
        (PF_COLOR, "frame-color", "Frame c_olour", (120, 60, 20)),
    ],
    [(PF_IMAGE, "image", "The new card")],
    plain_card,
    menu="<Image>/File/Create",
)
main()
