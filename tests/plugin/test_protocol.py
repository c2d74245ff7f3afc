from __future__ import annotations

import io
import json
import os
import struct
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nct_core.contract import frames, params
from nct_core.contract.errors import ProtocolError

names = st.text(max_size=20)
fractions = st.floats(allow_nan=False, allow_infinity=False)
references = st.builds(lambda n, i, f, m: {"name": n, "image": i, "file": f, "masks": m}, names, names, names, st.lists(names))
messages = st.one_of(
    st.builds(lambda i, f, s: {"type": "progress", "id": i, "fraction": f, "stage": s}, names, fractions, names),
    st.builds(lambda i, c, m, d: {"type": "error", "id": i, "code": c, "message": m, "detail": d}, names, names, names, st.text(max_size=1000)),
    st.builds(
        lambda i, s, r, p: {"type": "transfer", "id": i, "source": s, "onto": "", "references": r, "params": p, "device": "auto", "file_side": 0},
        *(names, names, st.lists(references), st.dictionaries(names, fractions)),
    ),
    st.just({"type": "shutdown"}),
)
IMAGE = {"type": "image", "id": "a", "role": "source", "width": 2, "height": 3, "channels": 4, "dtype": "uint16", "icc": 5, "payload": 53}


class Watched(io.BytesIO):
    """Fails when more than a header is asked for at once."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and 0 <= size <= frames.MAX_HEADER_BYTES
        return super().read(size)


def frame(header: object, payload: bytes = b"") -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<4sI", frames.MAGIC, len(encoded)) + encoded + payload


@given(st.lists(messages))
def test_messages_arrive_as_they_were_sent(sent: list[dict[str, Any]]) -> None:
    stream = io.BytesIO()
    for message in sent:
        frames.write_frame(stream, message)
    stream.seek(0)
    assert list(iter(lambda: frames.read_header(stream), None)) == sent


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from(sorted(frames.ITEM_BYTES)), st.binary(max_size=30), st.randoms())
def test_pixels_arrive_in_bands_as_they_were_sent(width: int, height: int, channels: int, dtype: str, icc: bytes, random: Any) -> None:
    layout = frames.PixelLayout(width, height, channels, dtype, len(icc))
    pixels = random.randbytes(layout.row_bytes * height)
    chunks = [icc, *(pixels[top * layout.row_bytes : (top + 1) * layout.row_bytes] for top in range(height))]
    stream = io.BytesIO()
    frames.write_frame(stream, {"type": "image", "id": "a", "role": "reference", **layout.fields()}, chunks)
    stream.seek(0)
    header = frames.read_header(stream)
    assert header is not None and frames.PixelLayout.of(header) == layout
    received = bytearray(header["payload"])
    frames.read_into(stream, received)
    assert received == icc + pixels
    assert frames.read_header(stream) is None


def test_a_pipe_that_delivers_in_pieces() -> None:
    read_end, write_end = os.pipe()
    payload = bytes(range(256)) * 4096
    layout = frames.PixelLayout(1024, 1024, 1, "uint8")
    with open(read_end, "rb") as source, open(write_end, "wb") as sink:
        header = {"type": "image", "id": "a", "role": "source", **layout.fields()}
        writer = threading.Thread(target=frames.write_frame, args=(sink, header, [payload]))
        writer.start()
        assert frames.read_header(source) == header
        received = bytearray(len(payload))
        frames.read_into(source, received)
        writer.join()
    assert received == payload


@given(st.integers(1, params.MAX_SIDE), st.integers(1, 6000), st.integers(1, 4), st.sampled_from(sorted(frames.ITEM_BYTES)))
def test_bands_cover_every_row_once_and_are_small(width: int, height: int, channels: int, dtype: str) -> None:
    layout = frames.PixelLayout(width, height, channels, dtype)
    bands = list(layout.bands())
    assert [top for top, _ in bands] == [sum(rows for _, rows in bands[:i]) for i in range(len(bands))]
    assert sum(rows for _, rows in bands) == height
    assert all(rows == 1 or rows * layout.row_bytes <= frames.BAND_BYTES for _, rows in bands)


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    if noise:
        with pytest.raises(ProtocolError):
            frames.read_header(Watched(noise))


@given(st.data())
def test_a_damaged_frame_is_refused_or_still_whole(data: st.DataObject) -> None:
    sound = frame(IMAGE)
    at = data.draw(st.integers(0, len(sound) - 1))
    damaged = bytearray(sound)
    damaged[at] = data.draw(st.integers(0, 255))
    try:
        header = frames.read_header(Watched(damaged))
    except ProtocolError:
        return
    assert header is not None and set(frames.MESSAGES[header["type"]]) <= set(header)


@given(st.integers(1, len(frame(IMAGE)) - 1))
def test_a_truncated_frame_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match="end of the stream"):
        frames.read_header(io.BytesIO(frame(IMAGE)[:length]))


def test_a_long_header_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError, match="at most 65536 bytes, got 4294967295"):
        frames.read_header(Watched(struct.pack("<4sI", frames.MAGIC, 2**32 - 1)))


@pytest.mark.parametrize("header", [b"", b"{", b"\xff", b"[]", b"7", b'"x"', b"[" * 60000, b'{"type": ' * 6000])
def test_a_header_that_is_no_json_object_is_refused(header: bytes) -> None:
    with pytest.raises(ProtocolError, match="JSON"):
        frames.read_header(io.BytesIO(frame(header)))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, "known type, got None"),
        ({"type": "dance"}, "known type, got 'dance'"),
        ({"type": ["image"]}, "known type"),
        ({"type": "cancel"}, "valid 'id'"),
        ({"type": "cancel", "id": 3}, "valid 'id'"),
        ({"type": "cancel", "id": "x" * 101}, "at most 100 characters, got 101"),
        ({"type": "shutdown", "payload": 10}, "no payload"),
        ({**IMAGE, "width": 0, "payload": 5}, "at most 30000 pixels a side"),
        ({**IMAGE, "width": -2}, "at most 30000 pixels a side"),
        ({**IMAGE, "width": 2.0}, "valid 'width'"),
        ({**IMAGE, "width": True}, "valid 'width'"),
        ({**IMAGE, "height": 10**9, "payload": 5 + 16 * 10**9}, "at most 30000 pixels a side"),
        ({**IMAGE, "width": 30000, "height": 30000, "payload": 5 + 8 * 30000**2}, "200000000 in all"),
        ({**IMAGE, "channels": 5, "payload": 65}, "1 to 4 channels"),
        ({**IMAGE, "dtype": "float64"}, "pixel types"),
        ({**IMAGE, "icc": -1}, "color profile"),
        ({**IMAGE, "icc": 2**30, "payload": 48 + 2**30}, "color profile"),
        ({**IMAGE, "payload": 52}, "expected 53 payload bytes"),
        ({**IMAGE, "payload": 2**60}, "expected 53 payload bytes"),
        ({**IMAGE, "role": "judge"}, "roles"),
        ({"type": "transfer", "id": "t", "source": "a", "onto": "", "references": ["r"], "params": {}, "device": "auto", "file_side": 0}, "references"),
        ({"type": "view", "id": "v", "transfer": "t", "onto": "", "kind": "smell", "index": 0, "masks": []}, "views"),
    ],
)
def test_a_wrong_message_is_refused_with_words(header: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        frames.read_header(io.BytesIO(frame(header)))


def test_a_payload_that_ends_early_is_refused() -> None:
    with pytest.raises(ProtocolError, match="expected 53 payload bytes, got 20"):
        frames.read_into(io.BytesIO(bytes(20)), bytearray(53))


@pytest.mark.parametrize(
    ("header", "chunks"),
    [
        ({"type": "dance"}, []),
        (IMAGE, [bytes(52)]),
        (IMAGE, [bytes(53), b"x"]),
        ({"type": "cancel", "id": "x" * 101}, []),
        ({"type": "error", "id": "", "code": "", "message": "", "detail": "x" * 70000}, []),
    ],
)
def test_the_writer_does_not_send_what_the_reader_would_refuse(header: dict[str, Any], chunks: list[bytes]) -> None:
    with pytest.raises(ValueError):
        frames.write_frame(io.BytesIO(), header, chunks)
