"""What libvips does not tell of TIFF files: pages without an image, and camera raw files, which are TIFF files too."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TypeAlias

_SUBFILE, _PHOTOMETRIC, _SUBDIRECTORIES, _DNG_VERSION = 254, 262, 330, 50706
_IMAGE_TAGS = {273, 324}  # StripOffsets, TileOffsets
_REDUCED = 1  # the bit of NewSubfileType that marks a thumbnail
_RAW_PHOTOMETRICS = {32803, 34892}  # color filter array, linear raw
_SIZES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # types of whole numbers; the others are not needed
_MOST_VALUES, _MOST_ENTRIES = 64, 4096

Content: TypeAlias = "mmap.mmap | bytes"
Tags: TypeAlias = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class _Kind:
    """The formats of one kind of TIFF file."""

    offset: str
    count: str
    entry: str
    first: int

    def directory(self, data: Content, start: int) -> tuple[Tags, int]:
        """The whole numbers of a directory by tag, and the place of its link to the next one.

        Raises:
            struct.error: the file is cut short, or is not what it says.
        """
        (entries,) = self._numbers(self.count, data, start)
        place, size = start + struct.calcsize(self.count), struct.calcsize(self.entry)
        if entries > _MOST_ENTRIES:
            raise struct.error(f"{entries} entries")
        tags: Tags = {}
        for number in range(entries):
            tag, kind, count = self._numbers(self.entry, data, place + number * size)[:3]
            tags[tag] = self._values(data, place + (number + 1) * size - struct.calcsize(self.offset), _SIZES.get(kind), min(count, _MOST_VALUES))
        return tags, place + entries * size

    def link(self, data: Content, place: int) -> int:
        return int(self._numbers(self.offset, data, place)[0])

    def _values(self, data: Content, place: int, size: str | None, count: int) -> tuple[int, ...]:
        if size is None:
            return ()
        form = f"{self.offset[0]}{count}{size}"
        if struct.calcsize(form) > struct.calcsize(self.offset):  # what does not fit into the entry lies elsewhere
            place = self.link(data, place)
        return self._numbers(form, data, place)

    def _numbers(self, form: str, data: Content, place: int) -> tuple[int, ...]:
        if place + struct.calcsize(form) > len(data):  # 64-bit places are too large for struct itself
            raise struct.error("the place is beyond the file's end")
        return struct.unpack_from(form, data, place)


_KINDS = {
    b"II*\0": _Kind("<I", "<H", "<HHI4x", 4),
    b"MM\0*": _Kind(">I", ">H", ">HHI4x", 4),
    b"II+\0": _Kind("<Q", "<Q", "<HHQ8x", 8),
    b"MM\0+": _Kind(">Q", ">Q", ">HHQ8x", 8),
}


def is_raw(data: Content) -> bool:
    """Whether a TIFF file is a camera's raw file, or has a thumbnail as its first page: libvips would read a thumbnail."""
    kind = _KINDS[data[:4]]
    try:
        tags, _ = kind.directory(data, kind.link(data, kind.first))
        if _DNG_VERSION in tags or tags.get(_SUBFILE, (0,))[0] & _REDUCED:
            return True
        others = [kind.directory(data, place)[0] for place in tags.get(_SUBDIRECTORIES, ())]
        return any(_RAW_PHOTOMETRICS & set(found.get(_PHOTOMETRIC, ())) for found in (tags, *others))
    except (struct.error, IndexError):
        return False


def without_empty_page(data: Content) -> bytes | None:
    """A TIFF file with its chain of pages cut after the first, where the second holds no image, as GIMP 3.2 exports.

    Returns:
        A changed copy of the file, or None where there is nothing to change (cut short, one page, a good second one).
    """
    kind = _KINDS[data[:4]]
    try:
        _, link = kind.directory(data, kind.link(data, kind.first))
        second = kind.link(data, link)
        if second == 0 or _IMAGE_TAGS & kind.directory(data, second)[0].keys():
            return None
    except struct.error:
        return None
    changed = bytearray(data)
    struct.pack_into(kind.offset, changed, link, 0)
    return bytes(changed)
