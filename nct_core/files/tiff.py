"""TIFF files whose second page holds no image, such as GIMP 3.2 exports: the directory of a thumbnail that libtiff refuses to read."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_IMAGE_TAGS = {273, 324}  # StripOffsets, TileOffsets


@dataclass(frozen=True)
class _Kind:
    """The formats of one kind of TIFF file."""

    offset: str
    count: str
    tag: str
    entry_bytes: int
    first: int

    def tags_and_link(self, data: mmap.mmap | bytes, directory: int) -> tuple[set[int], int]:
        """The tags of a directory, and the offset of its link to the next one."""
        (entries,) = struct.unpack_from(self.count, data, directory)
        start = directory + struct.calcsize(self.count)
        tags = {struct.unpack_from(self.tag, data, start + i * self.entry_bytes)[0] for i in range(entries)}
        return tags, start + entries * self.entry_bytes


_KINDS = {
    b"II*\0": _Kind("<I", "<H", "<H", 12, 4),
    b"MM\0*": _Kind(">I", ">H", ">H", 12, 4),
    b"II+\0": _Kind("<Q", "<Q", "<H", 20, 8),
    b"MM\0+": _Kind(">Q", ">Q", ">H", 20, 8),
}


def without_empty_page(path: Path) -> bytes | None:
    """A TIFF file with its chain of pages cut after the first, where the second holds no image.

    Returns:
        A changed copy of the file, or None where there is nothing to change (no TIFF file, cut short, one page, a good second one).
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        kind = _KINDS.get(data[:4])
        if kind is None:
            return None
        try:
            _, link = kind.tags_and_link(data, *struct.unpack_from(kind.offset, data, kind.first))
            (second,) = struct.unpack_from(kind.offset, data, link)
            if second == 0 or _IMAGE_TAGS & kind.tags_and_link(data, second)[0]:
                return None
        except struct.error:
            return None
        changed = bytearray(data)
    struct.pack_into(kind.offset, changed, link, 0)
    return bytes(changed)
