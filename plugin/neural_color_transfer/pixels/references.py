"""The references that the user chose: layers of open images, and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import gi
from nct_shared.errors import InputError
from nct_shared.texts import Text

from .names import image_name

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
        InputError: a layer no longer exists, or a URI does not name a file on this computer.
    """
    found: list[ChosenReference] = []
    if not all(drawable is not None and drawable.is_valid() for drawable in drawables):
        raise InputError(Text("reference_gone"))
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
        InputError: it cannot; the message says why.
    """
    if not source.is_valid():
        raise InputError(Text("source_gone"))
    if not source.is_layer():
        raise InputError(Text("not_a_layer", source.get_name()))
    if not references:
        raise InputError(Text("no_reference"))
    drawables = [reference.drawable for reference in references if reference.drawable is not None]
    for drawable in (source, *drawables):
        if drawable.is_indexed():
            raise InputError(Text("indexed", drawable.get_name()))
    if any(drawable.get_id() == source.get_id() for drawable in drawables):
        raise InputError(Text("source_as_reference", source.get_name()))


def _home(reference: ChosenReference) -> str:
    return str(Path(reference.path).parent) if reference.drawable is None else image_name(reference.drawable.get_image())


def _local_path(file: str) -> Path:
    parts = urlsplit(file)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if len(parts.scheme) > 1:  # a single letter is a Windows drive
        raise InputError(Text("remote_file", unquote(file)))
    return Path(file).absolute()
