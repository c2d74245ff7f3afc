"""What gives the colors: layers of open images and files, each with the name that messages call it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import gi
from language import _

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  after the version is chosen


@dataclass(frozen=True)
class Reference:
    """One reference: a layer, or where that is None a file."""

    name: str
    drawable: Gimp.Drawable | None = None
    path: str = ""


def gather(drawables: Sequence[Gimp.Drawable], files: Sequence[str]) -> list[Reference]:
    """Names layers and files; two of the same name are told apart by their image or folder, if that helps.

    Args:
        drawables: layers of any open images.
        files: paths or file URIs.

    Raises:
        ValueError: a layer is gone, or a file is none of this machine.
    """
    found: list[Reference] = []
    if not all(drawable is not None and drawable.is_valid() for drawable in drawables):
        raise ValueError("expected reference layers of open images, got one that is gone; choose another")
    for drawable in drawables:
        found.append(Reference(drawable.get_name(), drawable))
    for file in files:
        path = _local_path(file)
        found.append(Reference(path.name, None, str(path)))
    names = [reference.name for reference in found]
    return [
        Reference(f"{reference.name} ({_home(reference)})", reference.drawable, reference.path) if names.count(reference.name) > 1 else reference
        for reference in found
    ]


def check(source: Gimp.Drawable, references: Sequence[Reference]) -> None:
    """Tells whether these can be worked on.

    Raises:
        ValueError: they cannot; the message says why.
    """
    if not source.is_valid():
        raise ValueError("expected a layer to recolor, but it is gone; select another one and start again")
    if not source.is_layer():
        raise ValueError(f"expected a layer, got the mask or channel '{source.get_name()}'; select a layer")
    if not references:
        raise ValueError("expected at least one reference layer or file, got none; choose one whose colors are wanted")
    drawables = [reference.drawable for reference in references if reference.drawable is not None]
    for drawable in (source, *drawables):
        if drawable.is_indexed():
            raise ValueError(f"expected RGB or grayscale, got '{drawable.get_name()}' of an indexed image; convert it with Image > Mode > RGB")
    if any(drawable.get_id() == source.get_id() for drawable in drawables):
        raise ValueError(f"expected references other than the source, got the layer '{source.get_name()}' as both; choose another reference")


def account(references: Sequence[Reference], shares: Sequence[float]) -> str:
    """Says how much of the source each reference colored, the most used first.

    Args:
        references: of the run.
        shares: of each, 0 .. 1.
    """
    ranked = sorted(zip(shares, (reference.name for reference in references)), key=lambda pair: -pair[0])
    used = [f"{name} {percent(share)}" for share, name in ranked if share > 0]
    unused = [name for share, name in ranked if share <= 0]
    told = _("Used: {}").format(", ".join(used))
    return _("{}; not used: {}").format(told, ", ".join(unused)) if unused else told


def percent(share: float) -> str:
    """A share for people."""
    if share <= 0:
        return _("unused")
    return _("{} %").format(f"{share * 100:.0f}") if share >= 0.005 else _("under 1 %")


def _home(reference: Reference) -> str:
    return str(Path(reference.path).parent) if reference.drawable is None else str(reference.drawable.get_image().get_name())


def _local_path(file: str) -> Path:
    parts = urlsplit(file)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if len(parts.scheme) > 1:  # one letter is a drive
        raise ValueError(f"expected a file of this machine, got {unquote(file)}; save it here first")
    return Path(file).absolute()
