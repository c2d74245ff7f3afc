"""The frames between the GIMP plug-in and the worker, over the worker's stdin and stdout.

A frame is the magic ``NCT1``, the header's length (uint32, little-endian), the header (a JSON object in UTF-8) and as many payload bytes
as its "payload" says (none if absent). "type" names the message; :data:`MESSAGES` lists the fields of each. Only ``image`` and ``result``
have a payload: the pixels, rows from the top, channels interleaved, little-endian, after the ICC profile where there is one.

Every length is checked against the limits below before anything of that length is read or allocated. A malformed frame raises
:class:`ProtocolError`; nothing after it can be trusted, so the connection ends.
Standard library only: ``install.py`` copies this file beside the GIMP plug-in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Union

from .errors import ProtocolError
from .params import MAX_PIXELS, MAX_SIDE

VERSION = 4
MAGIC = b"NCT1"
MAX_HEADER_BYTES = 1 << 16
MAX_ICC_BYTES = 1 << 24
MAX_ID_CHARACTERS = 100
BAND_BYTES = 1 << 22
KEPT_TRANSFERS = 12  # the last ones, to which "apply" and "view" can refer
ITEM_BYTES = {"uint8": 1, "uint16": 2, "float32": 4}
ROLES = ("source", "reference", "mask")
VIEWS = ("mask", "confidence", "part", "labels", "matches")
"""What a ``view`` of a result shows, as uint8 of the size of what it is shown on. Gray, each times the masks that are named: white everywhere, how sure each
match is, where the reference ``index`` colored the source. RGB: the source painted in the colors of its references, and the references' pixels that were
matched, in the source's places."""

_PREFIX = struct.Struct("<4sI")
_PIXELS = {"width": int, "height": int, "channels": int, "dtype": str, "icc": int, "payload": int}
_Number = (int, float)

MESSAGES: dict[str, dict[str, Any]] = {
    # worker -> plug-in
    "hello": {"protocol": int, "version": str, "device": str, "backbone": str},  # backbone "" without weights
    "progress": {"id": str, "fraction": _Number, "stage": str},
    "result": {  # of any job; "transfer" names the one it comes from, and "colors" are "#rrggbb" of each reference
        "id": str,
        "transfer": str,
        "backbone": str,
        "device": str,
        "seconds": _Number,
        "shares": list,
        "colors": list,
        **_PIXELS,
    },
    "error": {"id": str, "code": str, "message": str, "detail": str},  # id "" where no job is at fault
    # plug-in -> worker
    "image": {"id": str, "role": str, **_PIXELS},
    "forget": {"id": str},  # an image that no job needs any more
    "transfer": {"id": str, "source": str, "onto": str, "references": list, "params": dict, "device": str, "file_side": int},
    "apply": {"id": str, "transfer": str, "onto": str, "strength": _Number, "keep_lightness": _Number},
    "view": {"id": str, "transfer": str, "onto": str, "kind": str, "index": int, "masks": list},
    "cancel": {"id": str},
    "shutdown": {},
}

# "onto" names a picture of the source at another size, which is recolored or shown in its stead; "" is the source itself.

REFERENCE: dict[str, Any] = {"name": str, "image": str, "file": str, "masks": list}
"""One of a transfer's references: its name in messages; an image that was sent, or a file that the worker reads (the other is ""); of the images
sent as masks, those that must all be above one half where it takes part. Files are first reduced to ``file_side`` pixels on their longer side, 0 leaves
them as they are."""

Header = dict[str, Any]
Chunk = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class PixelLayout:
    """The shape of the pixels in the payload of an ``image`` or a ``result``.

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

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> PixelLayout:
        """Reads the layout out of an ``image`` or ``result`` header whose payload size it must match.

        Raises:
            ProtocolError: a size is over its limit or the payload has another size than the layout.
        """
        layout = cls(header["width"], header["height"], header["channels"], header["dtype"], header["icc"])
        if header["payload"] != layout.payload_bytes:
            raise ProtocolError(f"expected {layout.payload_bytes} payload bytes for this {header['type']}, got {header['payload']}")
        return layout

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of pixels."""
        return self.width * self.channels * ITEM_BYTES[self.dtype]

    @property
    def payload_bytes(self) -> int:
        """Bytes of the profile and all pixels."""
        return self.icc + self.row_bytes * self.height

    def fields(self) -> Header:
        """The header fields that describe this layout."""
        return {**{name: getattr(self, name) for name in ("width", "height", "channels", "dtype", "icc")}, "payload": self.payload_bytes}

    def bands(self) -> Iterator[tuple[int, int]]:
        """Cuts the image into bands of whole rows of about :data:`BAND_BYTES`; yields (first row, rows)."""
        rows = max(1, BAND_BYTES // self.row_bytes)
        for top in range(0, self.height, rows):
            yield top, min(rows, self.height - top)


def write_frame(stream: BinaryIO, header: Mapping[str, Any], chunks: Iterable[Chunk] = ()) -> None:
    """Writes one frame and flushes.

    Args:
        stream: a blocking binary stream that writes all it is given.
        header: with "type" and the message's fields; "payload" where it has one.
        chunks: the payload in pieces, drawn one after the other, so that no whole image needs to lie in memory.

    Raises:
        ValueError: header or payload are not what the reader will accept; the caller is at fault.
        OSError: the other side is gone.
    """
    try:
        _check(dict(header))
    except ProtocolError as error:
        raise ValueError(str(error)) from error
    encoded = json.dumps(header).encode()
    if len(encoded) > MAX_HEADER_BYTES:
        raise ValueError(f"expected a header of at most {MAX_HEADER_BYTES} bytes, got {len(encoded)}")
    stream.write(_PREFIX.pack(MAGIC, len(encoded)) + encoded)
    written = 0
    for chunk in chunks:
        stream.write(chunk)
        written += memoryview(chunk).nbytes
    if written != header.get("payload", 0):
        raise ValueError(f"expected {header.get('payload', 0)} payload bytes as the header says, got {written}")
    stream.flush()


def read_header(stream: BinaryIO) -> Header | None:
    """Reads and checks the next frame's header; its payload, if any, must be read before the next call.

    Returns:
        The header with all fields of its message, or None where the stream ends between two frames.

    Raises:
        ProtocolError: the bytes are not a frame, or the message is unknown, incomplete or over a limit.
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
    _check(header)
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


def _check(header: Header) -> None:
    kind = header.get("type")
    fields = MESSAGES.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise ProtocolError(f"expected a message of a known type, got {kind!r:.60}")
    for name, expected in fields.items():
        value = header.get(name)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise ProtocolError(f"expected a valid {name!r} in the message {kind!r}, got {value!r:.60}")
    if len(header.get("id", "")) > MAX_ID_CHARACTERS:
        raise ProtocolError(f"expected an 'id' of at most {MAX_ID_CHARACTERS} characters, got {len(header['id'])}")
    if "width" in fields:
        PixelLayout.of(header)
    elif header.get("payload", 0) != 0:
        raise ProtocolError(f"expected no payload with the message {kind!r}, got {header['payload']!r:.60}")
    if kind == "image" and header["role"] not in ROLES:
        raise ProtocolError(f"expected one of the roles {', '.join(ROLES)}, got {header['role']!r:.60}")
    if kind == "transfer" and not all(_is_reference(reference) for reference in header["references"]):
        raise ProtocolError(f"expected references with {', '.join(REFERENCE)}, got {header['references']!r:.60}")
    if kind == "view" and header["kind"] not in VIEWS:
        raise ProtocolError(f"expected one of the views {', '.join(VIEWS)}, got {header['kind']!r:.60}")


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), expected) for name, expected in REFERENCE.items())
