"""Frames on the pipes between the GIMP plug-in and the worker, and the pixels in them.

A frame is the magic ``NCT1``, the header's length (uint32, little-endian), the header (a JSON object in UTF-8) and as
many payload bytes as its "payload" says (none if absent). :mod:`messages` says what a header contains. The payload of
an image is its pixels, rows from the top, channels interleaved, little-endian, after the ICC profile where there is
one.

Every length is checked against the limits below before anything of that length is read or allocated. A malformed frame raises
:class:`ProtocolError`; nothing after it can be trusted, so the connection ends.
Standard library only: ``install.py`` copies this folder beside the GIMP plug-in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Union

from .errors import InputError, ProtocolError
from .params import MAX_PIXELS, MAX_SIDE
from .texts import Text

MAGIC = b"NCT1"
MAX_HEADER_BYTES = 1 << 16
MAX_ICC_BYTES = 1 << 24
BAND_BYTES = 1 << 22
ITEM_BYTES = {"uint8": 1, "uint16": 2, "float32": 4}

_PREFIX = struct.Struct("<4sI")

Header = dict[str, Any]
Chunk = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class PixelLayout:
    """The shape of the pixels in a payload.

    Attributes:
        width, height: in pixels, 1 .. :data:`MAX_SIDE`; together at most :data:`MAX_PIXELS`.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA; alpha is not premultiplied.
        dtype: "uint8", "uint16" or "float32", little-endian; integers span black .. white, floats 0 .. 1.
        icc: bytes of the ICC profile that precede the pixels; 0 means sRGB.
    """

    width: int
    height: int
    channels: int
    dtype: str
    icc: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE and self.width * self.height <= MAX_PIXELS):
            raise ProtocolError(f"expected an image of at most {MAX_SIDE} pixels a side and {MAX_PIXELS} in all, got {self.width} x {self.height}")
        if not 1 <= self.channels <= 4:
            raise ProtocolError(f"expected 1 to 4 channels, got {self.channels}")
        if self.dtype not in ITEM_BYTES:
            raise ProtocolError(f"expected one of the pixel types {', '.join(ITEM_BYTES)}, got {self.dtype!r}")
        if not 0 <= self.icc <= MAX_ICC_BYTES:
            raise ProtocolError(f"expected a color profile of at most {MAX_ICC_BYTES} bytes, got {self.icc}")

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of pixels."""
        return self.width * self.channels * ITEM_BYTES[self.dtype]

    @property
    def payload_bytes(self) -> int:
        """Bytes of the profile and all pixels."""
        return self.icc + self.row_bytes * self.height

    def bands(self) -> Iterator[tuple[int, int]]:
        """Cuts the image into bands of whole rows of about :data:`BAND_BYTES`; yields (first row, rows)."""
        rows = max(1, BAND_BYTES // self.row_bytes)
        for top in range(0, self.height, rows):
            yield top, min(rows, self.height - top)


def write_frame(stream: BinaryIO, header: Mapping[str, Any], chunks: Iterable[Chunk] = ()) -> None:
    """Writes one frame and flushes.

    Args:
        stream: a blocking binary stream that writes all it is given.
        header: a JSON object, with the size of the payload where there is one.
        chunks: the payload in pieces, drawn one after the other, so that no whole image needs to lie in memory.

    Raises:
        InputError: the header is longer than :data:`MAX_HEADER_BYTES`; nothing was written.
        ValueError: the payload has another size than the header says; the caller is at fault.
        OSError: the other side is gone.
    """
    encoded = json.dumps(header).encode()
    if len(encoded) > MAX_HEADER_BYTES:
        raise InputError(Text("long_request", MAX_HEADER_BYTES, len(encoded)))
    stream.write(_PREFIX.pack(MAGIC, len(encoded)) + encoded)
    written = 0
    for chunk in chunks:
        stream.write(chunk)
        written += memoryview(chunk).nbytes
    if written != header.get("payload", 0):
        raise ValueError(f"expected {header.get('payload', 0)} payload bytes as the header says, got {written}")
    stream.flush()


def read_header(stream: BinaryIO) -> Header | None:
    """Reads the next frame's header; its payload, if any, must be read before the next call.

    Returns:
        The header, or None where the stream ends between two frames.

    Raises:
        ProtocolError: the bytes are not a frame, or the header is too long.
    """
    prefix = stream.read(_PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise ProtocolError(f"expected a frame, got {len(prefix)} bytes and the end of the stream")
    magic, length = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise ProtocolError(f"expected a frame that starts with {MAGIC!r}, got {magic!r}")
    if length > MAX_HEADER_BYTES:
        raise ProtocolError(f"expected a header of at most {MAX_HEADER_BYTES} bytes, got {length}")
    encoded = stream.read(length)
    if len(encoded) < length:
        raise ProtocolError(f"expected a header of {length} bytes, got {len(encoded)} and the end of the stream")
    try:
        header = json.loads(encoded.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"expected a header in JSON, got {encoded[:40]!r}") from error
    if not isinstance(header, dict):
        raise ProtocolError(f"expected a JSON object as header, got {encoded[:40]!r}")
    return header


def read_into(stream: BinaryIO, target: Union[bytearray, memoryview]) -> None:
    """Fills ``target`` (contiguous, writable) with payload bytes.

    Raises:
        ProtocolError: the stream ends before that.
    """
    view = memoryview(target).cast("B")
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise ProtocolError(f"expected {len(view)} payload bytes, got {filled} and the end of the stream")
        filled += count


def skip(stream: BinaryIO, size: int) -> None:
    """Reads ``size`` payload bytes and drops them.

    Raises:
        ProtocolError: the stream ends before that.
    """
    scratch = memoryview(bytearray(min(size, BAND_BYTES)))
    while size:
        part = scratch[: min(size, len(scratch))]
        read_into(stream, part)
        size -= len(part)
