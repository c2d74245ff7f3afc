"""Image files with one peculiarity each, written byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Entry = tuple[int, int, Sequence[int]]  # tag, type (1 byte, 3 short, 4 long, 16 long8), values

_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def tiff(pixels: NDArray[np.uint8], extra: Sequence[Entry] = (), pages: Sequence[Sequence[Entry]] = (), order: str = "<", big: bool = False) -> bytes:
    """A TIFF file with uncompressed RGB pixels uint8 [H, W, 3]; ``extra`` replaces or adds tags.

    The offset of each of ``pages`` (directories in no chain) takes the place of -1, -2 ... among the values.
    """
    height, width, channels = pixels.shape
    head = struct.pack(f"{order}2sH", b"II" if order == "<" else b"MM", 43 if big else 42) + (struct.pack(f"{order}HH", 8, 0) if big else b"")
    start = len(head) + (8 if big else 4)
    body, places = pixels.tobytes(), []
    for page in pages:
        places.append(start + len(body))
        body += _directory(page, start + len(body), order, big)
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8] * channels), 259: (3, [1]), 262: (3, [2])}
    tags |= {273: (4, [start]), 277: (3, [channels]), 278: (4, [height]), 279: (4, [height * width * channels])}
    tags |= {tag: (kind, [places[-1 - value] if value < 0 else value for value in values]) for tag, kind, values in extra}
    place = start + len(body)
    entries = [(tag, kind, values) for tag, (kind, values) in sorted(tags.items())]
    return head + struct.pack(f"{order}{'Q' if big else 'I'}", place) + body + _directory(entries, place, order, big)


def _directory(entries: Sequence[Entry], place: int, order: str, big: bool) -> bytes:
    word, room = ("Q", 8) if big else ("I", 4)
    after = place + (8 if big else 2) + len(entries) * (20 if big else 12) + room
    listed, data = struct.pack(f"{order}{'Q' if big else 'H'}", len(entries)), b""
    for tag, kind, values in entries:
        content = struct.pack(f"{order}{len(values)}{_TYPES[kind]}", *values)
        if len(content) > room:
            content, data = struct.pack(f"{order}{word}", after + len(data)), data + content
        listed += struct.pack(f"{order}HH{word}", tag, kind, len(values)) + content.ljust(room, b"\0")
    return listed + struct.pack(f"{order}{word}", 0) + data


def png(pixels: NDArray[np.uint8], chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG file with ``chunks`` (name, content) before its pixels, uint8 [H, W, 3] or [H, W, 1]."""
    plain = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(plain, "PNG")
    data = plain.getvalue()
    added = b"".join(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)) for name, content in chunks)
    return data[:33] + added + data[33:]  # after the header


def jpeg(pixels: NDArray[np.uint8], *, exif: bytes = b"", **options: object) -> bytes:
    """A JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, exif=exif, **options)
    return file.getvalue()


def exif_of_adobe_rgb(order: str = ">") -> bytes:
    """EXIF data as cameras write them for Adobe RGB: color space "uncalibrated", interoperability index "R03"."""
    shorts = [struct.pack(f"{order}HHI", 0xA001, 3, 1) + struct.pack(f"{order}HH", 0xFFFF, 0)]
    shorts.append(struct.pack(f"{order}HHII", 0xA005, 4, 1, 56))
    first = struct.pack(f"{order}H", 1) + struct.pack(f"{order}HHII", 0x8769, 4, 1, 26) + struct.pack(f"{order}I", 0)
    second = struct.pack(f"{order}H", 2) + b"".join(shorts) + struct.pack(f"{order}I", 0)
    third = struct.pack(f"{order}H", 1) + struct.pack(f"{order}HHI", 1, 2, 4) + b"R03\0" + struct.pack(f"{order}I", 0)
    return b"Exif\0\0" + (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8) + first + second + third
