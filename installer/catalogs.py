"""The plug-in's translations: from the text that translators write (``.po``) to the form that gettext reads (``.mo``)."""

from __future__ import annotations

import ast
import struct
from pathlib import Path

DOMAIN = "neural_color_transfer"
_MAGIC = 0x950412DE


def compiled(folder: Path) -> dict[str, bytes]:
    """Every catalog of a folder of ``LANGUAGE.po``, by its path in the installed plug-in."""
    return {f"locale/{file.stem}/LC_MESSAGES/{DOMAIN}.mo": to_mo(read(file)) for file in sorted(folder.glob("*.po"))}


def read(file: Path) -> dict[str, str]:
    """Texts and translations of a ``.po`` file without contexts and plurals; the empty text's is the header.

    Raises:
        ValueError: a line is none of a catalog's, or a text is there twice.
    """
    entries: list[dict[str, str]] = []
    part = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        keyword, _, quoted = line.strip().partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if keyword == "msgid":
            entries.append({"msgid": "", "msgstr": ""})
        if keyword in ("msgid", "msgstr"):
            part = keyword
        else:
            quoted = line.strip()
        try:
            entries[-1][part] += ast.literal_eval(quoted)
        except (IndexError, KeyError, SyntaxError, ValueError, TypeError) as error:
            raise ValueError(f"{file}, line {number}: expected msgid or msgstr and a text in quotes, got {line!r}") from error
    catalog = {entry["msgid"]: entry["msgstr"] for entry in entries}
    if len(catalog) < len(entries):
        raise ValueError(f"{file}: expected every msgid once, got one twice")
    return catalog


def to_mo(catalog: dict[str, str]) -> bytes:
    """The catalog as gettext's binary: a header, two tables of (length, offset), and the texts, sorted."""
    pairs = sorted((text.encode(), translation.encode()) for text, translation in catalog.items() if translation)
    tables: tuple[list[int], list[int]] = ([], [])
    blob, start = b"", 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            tables[side].extend((len(pair[side]), start + len(blob)))
            blob += pair[side] + b"\0"
    header = [_MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0]
    return struct.pack(f"<{7 + 4 * len(pairs)}I", *header, *tables[0], *tables[1]) + blob
