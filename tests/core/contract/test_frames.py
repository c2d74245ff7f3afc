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
from nct_core.contract.errors import InputError, ProtocolError

IMAGE = {"type": "image", "id": "a", "role": "source", "layout": {"width": 2, "height": 3, "channels": 4, "dtype": "uint16", "icc": 5}, "payload": 53}
headers = st.dictionaries(st.text(max_size=20), st.one_of(st.text(max_size=100), st.integers(), st.lists(st.booleans())), max_size=5)


class Watched(io.BytesIO):
    """Fails when more than a header is asked for at once."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and 0 <= size <= frames.MAX_HEADER_BYTES
        return super().read(size)


def frame(header: object, payload: bytes = b"") -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<4sI", frames.MAGIC, len(encoded)) + encoded + payload


@given(st.lists(headers))
def test_headers_arrive_as_they_were_sent(sent: list[dict[str, Any]]) -> None:
    sent = [{name: value for name, value in header.items() if name != "payload"} for header in sent]
    stream = io.BytesIO()
    for header in sent:
        frames.write_frame(stream, header)
    stream.seek(0)
    assert list(iter(lambda: frames.read_header(stream), None)) == sent


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from(sorted(frames.ITEM_BYTES)), st.binary(max_size=30), st.randoms())
def test_pixels_arrive_in_bands_as_they_were_sent(width: int, height: int, channels: int, dtype: str, icc: bytes, random: Any) -> None:
    layout = frames.PixelLayout(width, height, channels, dtype, len(icc))
    pixels = random.randbytes(layout.row_bytes * height)
    chunks = [icc, *(pixels[top * layout.row_bytes : (top + 1) * layout.row_bytes] for top in range(height))]
    stream = io.BytesIO()
    frames.write_frame(stream, {"payload": layout.payload_bytes}, chunks)
    stream.seek(0)
    assert frames.read_header(stream) == {"payload": layout.payload_bytes}
    received = bytearray(layout.payload_bytes)
    frames.read_into(stream, received)
    assert received == icc + pixels
    assert frames.read_header(stream) is None


def test_a_pipe_that_delivers_in_pieces() -> None:
    read_end, write_end = os.pipe()
    payload = bytes(range(256)) * 4096
    layout = frames.PixelLayout(1024, 1024, 1, "uint8")
    with open(read_end, "rb") as source, open(write_end, "wb") as sink:
        header = {"payload": layout.payload_bytes}
        writer = threading.Thread(target=frames.write_frame, args=(sink, header, [payload]))
        writer.start()
        assert frames.read_header(source) == header
        received = bytearray(len(payload))
        frames.read_into(source, received)
        writer.join(timeout=60)
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
    ("change", "words"),
    [
        ({"width": 0}, "at most 30000 pixels a side"),
        ({"width": -2}, "at most 30000 pixels a side"),
        ({"height": 10**9}, "at most 30000 pixels a side"),
        ({"width": 30000, "height": 30000}, "200000000 in all"),
        ({"channels": 5}, "1 to 4 channels"),
        ({"dtype": "float64"}, "pixel types"),
        ({"icc": -1}, "color profile"),
        ({"icc": 2**30}, "color profile"),
    ],
)
def test_a_layout_beyond_the_limits_is_refused_with_words(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        frames.PixelLayout(**{"width": 2, "height": 3, "channels": 4, "dtype": "uint16", **change})


def test_a_payload_that_ends_early_is_refused() -> None:
    with pytest.raises(ProtocolError, match="expected 53 payload bytes, got 20"):
        frames.read_into(io.BytesIO(bytes(20)), bytearray(53))


@pytest.mark.parametrize("chunks", [[], [bytes(52)], [bytes(53), b"x"]])
def test_the_writer_refuses_a_payload_of_another_size(chunks: list[bytes]) -> None:
    with pytest.raises(ValueError, match="expected 53 payload bytes as the header says, got"):
        frames.write_frame(io.BytesIO(), IMAGE, chunks)


def test_the_writer_refuses_a_long_header_before_it_writes() -> None:
    stream = io.BytesIO()
    with pytest.raises(InputError, match=r"at most 65536 bytes, got 70014; choose fewer references") as caught:
        frames.write_frame(stream, {"detail": "x" * 70000})
    assert caught.value.text.code == "long_request" and not stream.getvalue()
