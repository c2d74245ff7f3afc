"""The references that the user chose: layers of open images, and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


@dataclass(frozen=True)
class ChosenReference:
    """A layer or a file to take colors from.

    Attributes:
        name: what messages call it.
        drawable: the layer; None for a file.
        path: the file's absolute path; "" for a layer.
    """

    name: str
    drawable: Gimp.Drawable | None = None
    path: str = ""


def gather(drawables: Sequence[Gimp.Drawable], files: Sequence[str]) -> list[ChosenReference]:
    """Lists the chosen layers and files with their names. Equal names get the name of the image or folder added.

    Args:
        drawables: layers of any open images.
        files: paths or file URIs.

    Raises:
        ValueError: a layer no longer exists, or a URI does not name a file on this computer.
    """
    found: list[ChosenReference] = []
    if not all(drawable is not None and drawable.is_valid() for drawable in drawables):
        raise ValueError("expected reference layers of open images, got one that is gone; choose another")
    for drawable in drawables:
        found.append(ChosenReference(drawable.get_name(), drawable))
    for file in files:
        path = _local_path(file)
        found.append(ChosenReference(path.name, None, str(path)))
    names = [reference.name for reference in found]
    return [
        ChosenReference(f"{reference.name} ({_home(reference)})", reference.drawable, reference.path) if names.count(reference.name) > 1 else reference
        for reference in found
    ]


def check(source: Gimp.Drawable, references: Sequence[ChosenReference]) -> None:
    """Checks that the source can take on the colors of these references.

    Raises:
        ValueError: it cannot; the message says why.
    """
    if not source.is_valid():
        raise ValueError("the layer to recolor is gone; select another layer and start again")
    if not source.is_layer():
        raise ValueError(f"expected a layer, got the mask or channel '{source.get_name()}'; select a layer")
    if not references:
        raise ValueError("expected at least one reference layer or file, got none; choose one to take colors from")
    drawables = [reference.drawable for reference in references if reference.drawable is not None]
    for drawable in (source, *drawables):
        if drawable.is_indexed():
            raise ValueError(f"expected an RGB or grayscale layer, got '{drawable.get_name()}' of an indexed image; convert the image with Image > Mode > RGB")
    if any(drawable.get_id() == source.get_id() for drawable in drawables):
        raise ValueError(f"expected references other than the source, got the layer '{source.get_name()}' as both; choose another reference")


def _home(reference: ChosenReference) -> str:
    return str(Path(reference.path).parent) if reference.drawable is None else str(reference.drawable.get_image().get_name())


def _local_path(file: str) -> Path:
    parts = urlsplit(file)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if len(parts.scheme) > 1:  # a single letter is a Windows drive
        raise ValueError(f"expected a file on this computer, got {unquote(file)}; save it here first")
    return Path(file).absolute()
