from __future__ import annotations

import dataclasses
import io
import json
import struct
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nct_core.contract import frames, messages
from nct_core.contract.errors import InputError, ProtocolError
from nct_core.contract.frames import PixelLayout
from nct_core.contract.headers import Message
from nct_core.contract.messages import Cancel, Hello, Image, SentReference, Transfer, View
from nct_core.contract.texts import Text

names = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.builds(lambda name, level, levels: Text("about", Text("reference", name), Text("matching", level, levels)), names, st.integers(), numbers)
layouts = st.builds(PixelLayout, st.integers(1, 99), st.integers(1, 99), st.integers(1, 4), st.sampled_from(sorted(frames.ITEM_BYTES)), st.integers(0, 9))
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    str: names,
    int: st.integers(),
    float: numbers,
    Text: texts,
    PixelLayout: layouts,
    tuple[str, ...]: st.lists(names).map(tuple),
    tuple[float, ...]: st.lists(numbers).map(tuple),
    tuple[messages.Device, ...]: st.lists(st.builds(messages.Device, names, names)).map(tuple),
    tuple[SentReference, ...]: st.lists(st.builds(SentReference, names, names, names, st.lists(names).map(tuple))).map(tuple),
}
FIELDS[messages.TransferFacts] = st.builds(
    messages.TransferFacts, names, names, names, numbers, FIELDS[tuple[float, ...]], FIELDS[tuple[str, ...]], st.lists(texts).map(tuple)
)
CHOICES = {"role": st.sampled_from(messages.ROLES), "kind": st.sampled_from(messages.VIEWS), "protocol": st.just(messages.VERSION)}


def any_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Every message of a kind, by the types of its fields."""
    hints = typing.get_type_hints(kind)
    params = st.dictionaries(names, st.one_of(numbers, st.booleans(), names))
    return st.builds(kind, **{field.name: CHOICES.get(field.name, FIELDS.get(hints[field.name], params)) for field in dataclasses.fields(kind)})


any_message = st.one_of(*map(any_of, messages.MESSAGES.values()))
LAYOUT = {"width": 2, "height": 3, "channels": 4, "dtype": "uint16", "icc": 5}
IMAGE = {"type": "image", "id": "a", "role": "source", "layout": LAYOUT, "payload": 53}
TRANSFER = {"type": "transfer", "id": "t", "source": "a", "references": [], "params": {}, "onto": "", "device": "auto", "file_side": 0}
REFERENCE = {"name": "sky", "image": "r", "file": "", "masks": []}
VIEW = {"type": "view", "id": "v", "transfer": "t", "kind": "mask", "index": 0, "masks": [], "onto": ""}
PROGRESS = {"type": "progress", "id": "t", "fraction": 0.5, "stage": {"code": "applying", "arguments": []}}


def frame(header: object) -> bytes:
    encoded = json.dumps(header).encode()
    return struct.pack("<4sI", frames.MAGIC, len(encoded)) + encoded


@given(st.lists(any_message, max_size=5))
def test_messages_arrive_as_they_were_sent(sent: list[Message]) -> None:
    received = []
    for message in sent:
        stream = io.BytesIO()
        messages.send(stream, message, [bytes(message.payload_bytes)])
        stream.seek(0)
        received.append(messages.receive(stream))
        assert len(stream.read()) == message.payload_bytes
    assert received == sent and list(map(type, received)) == list(map(type, sent))


def test_a_text_arrives_with_its_code() -> None:
    stream = io.BytesIO()
    messages.send(stream, messages.Error("job", "input", Text("about", Text("reference", "sky"), Text("too_thin", "1x9")), ""))
    stream.seek(0)
    error = messages.receive(stream)
    assert isinstance(error, messages.Error)
    assert str(error.text) == "the reference 'sky': expected at least 2 pixels a side, since a single row or column has no patches to match, got 1x9"
    assert isinstance(error.text.arguments[0], Text) and error.text.arguments[0].arguments == ("sky",)


def test_the_stream_may_end_between_two_messages() -> None:
    assert messages.receive(io.BytesIO()) is None


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, "known type, got None"),
        ({"type": "dance"}, "known type, got 'dance'"),
        ({"type": ["image"]}, "known type"),
        ({"type": "cancel"}, r"expected the fields 'id' in the message 'cancel', got none"),
        ({"type": "cancel", "id": "a", "why": 1}, r"expected the fields 'id' in the message 'cancel', got 'id', 'why'"),
        ({"type": "shutdown", "id": "a"}, "expected no fields in the message 'shutdown', got 'id'"),
        ({"type": "cancel", "id": 3}, "expected a text as 'id' in the message 'cancel', got 3"),
        ({"type": "cancel", "id": None}, "expected a text as 'id'"),
        ({"type": "cancel", "id": "x" * 101}, "at most 100 characters, got 101"),
        ({"type": "shutdown", "payload": 10}, "expected 0 payload bytes with this 'shutdown', got 10"),
        ({**IMAGE, "layout": {**LAYOUT, "width": 0}}, "at most 30000 pixels a side"),
        ({**IMAGE, "layout": {**LAYOUT, "width": 2.0}}, "expected a whole number as 'width' in the message 'image', got 2.0"),
        ({**IMAGE, "layout": {**LAYOUT, "width": True}}, "expected a whole number as 'width'"),
        ({**IMAGE, "layout": {**LAYOUT, "height": 10**9}, "payload": 5 + 16 * 10**9}, "at most 30000 pixels a side"),
        ({**IMAGE, "layout": {}}, "expected the fields 'width', 'height', 'channels', 'dtype', 'icc' in the message 'image', got none"),
        ({**IMAGE, "layout": 3}, "expected an object as 'layout'"),
        ({**IMAGE, "payload": 52}, "expected 53 payload bytes"),
        ({**IMAGE, "payload": 2**60}, "expected 53 payload bytes"),
        ({**IMAGE, "role": "judge"}, "roles source, reference, mask, got 'judge'"),
        ({**TRANSFER, "references": ["r"]}, "expected an object as 'references' in the message 'transfer'"),
        ({**TRANSFER, "references": REFERENCE}, "expected a list as 'references'"),
        ({**TRANSFER, "references": [{"name": "sky"}]}, "expected the fields 'name', 'image', 'file', 'masks'"),
        ({**TRANSFER, "references": [{**REFERENCE, "masks": "m"}]}, "expected a list as 'masks' in the message 'transfer', got 'm'"),
        ({**TRANSFER, "params": {"strength": [1]}}, "expected an object of numbers and texts as 'params'"),
        ({**VIEW, "kind": "smell"}, "kinds mask, .*, got 'smell'"),
        ({**PROGRESS, "fraction": "half"}, "expected a finite number as 'fraction'"),
        ({**PROGRESS, "fraction": float("nan")}, "expected a finite number as 'fraction'"),
        ({**PROGRESS, "fraction": 10**400}, "expected a finite number as 'fraction'"),
        ({**PROGRESS, "stage": "Applying the colors"}, "expected a text that is known here as 'stage'"),
        ({**PROGRESS, "stage": {"code": "dancing", "arguments": []}}, "expected a text that is known here as 'stage'"),
        ({**PROGRESS, "stage": {"code": "matching", "arguments": [1]}}, "expected a text that is known here as 'stage'"),
    ],
)
def test_a_wrong_message_is_refused_with_words(header: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        messages.receive(io.BytesIO(frame(header)))


@given(st.data())
def test_a_damaged_message_is_refused_or_another_whole_one(data: st.DataObject) -> None:
    damaged = bytearray(frame(IMAGE))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = messages.receive(io.BytesIO(damaged))
    except ProtocolError:
        return
    assert isinstance(message, Image) and message.payload_bytes == 53


def test_a_greeting_of_another_protocol_can_be_read() -> None:
    greeting = {"type": "hello", "protocol": 99, "version": "9.0", "device": "CPU", "backbone": "", "mood": "good"}
    assert messages.receive(io.BytesIO(frame(greeting))) == Hello(99, "9.0", "", (), "")
    older = {"type": "hello", "protocol": 1, "version": "0.1"}
    assert messages.receive(io.BytesIO(frame(older))) == Hello(1, "0.1", "", (), "")
    with pytest.raises(ProtocolError, match=r"expected the fields 'protocol', .*, got .*'mood'"):
        messages.receive(io.BytesIO(frame({**greeting, "protocol": messages.VERSION})))


def test_more_references_than_a_header_has_room_for_are_refused() -> None:
    stream = io.BytesIO()
    with pytest.raises(InputError, match=r"expected a request of at most 65536 bytes, got .*; choose fewer references"):
        messages.send(stream, Transfer("t", "s", tuple(SentReference(f"layer {number}", image="0" * 64) for number in range(600)), {}))
    assert not stream.getvalue()


@pytest.mark.parametrize("make", [lambda: Cancel("x" * 101), lambda: Image("a", "judge", PixelLayout(1, 1, 1, "uint8")), lambda: View("v", "t", "smell")])
def test_no_message_can_be_made_that_the_reader_would_refuse(make: Any) -> None:
    with pytest.raises(ProtocolError):
        make()
