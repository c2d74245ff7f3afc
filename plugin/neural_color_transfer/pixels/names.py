"""What people call images and layers: "sky.png" rather than "[sky] (imported)", and "sky" where a suffix says nothing."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".xcf", ".psd", ".heic", ".avif", ".gif", ".bmp")


def image_name(image: Gimp.Image) -> str:
    """Returns the name of the file from which an image comes, else the name that GIMP gives it, without the brackets."""
    file = image.get_file() or image.get_imported_file()
    return file.get_basename() if file is not None else image.get_name().strip("[]")


def picture_name(name: str) -> str:
    """Returns the name of a layer or file without the suffix of a picture file.

    Example:
        >>> picture_name("sky.png"), picture_name("Version 1.5")
        ('sky', 'Version 1.5')
    """
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name
