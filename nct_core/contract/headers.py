"""A message as the header of a frame: a frozen dataclass to a JSON object and back, checked by the types of its fields.

A field is a text, a whole number, a finite number, a :class:`Text`, a dataclass, a tuple of one of these, or a mapping from texts to plain values.
Standard library only, Python >= 3.9.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

from .errors import ProtocolError
from .frames import Header, PixelLayout
from .texts import Text

MAX_ID_CHARACTERS = 100
_M = TypeVar("_M", bound="Message")


class Message:
    """Base of the messages."""

    @property
    def payload_bytes(self) -> int:
        """Bytes that follow the header: profile and pixels of what has a ``layout``."""
        layout = getattr(self, "layout", None)
        return layout.payload_bytes if isinstance(layout, PixelLayout) else 0

    def to_header(self) -> Header:
        """Returns the message as the header of a frame."""
        header = {"type": _type_of(type(self)), **to_json(self)}
        return {**header, "payload": self.payload_bytes} if self.payload_bytes else header

    @classmethod
    def from_header(cls: type[_M], header: Mapping[str, Any]) -> _M:
        """Reads the message out of the header of a frame.

        Raises:
            ProtocolError: the header is not one of such a message; the error says what was expected and what came.
        """
        content = {name: value for name, value in header.items() if name not in ("type", "payload")}
        message: _M = from_json(cls, content, f"the message {_type_of(cls)!r}")
        if header.get("payload", 0) != message.payload_bytes:
            raise ProtocolError(f"expected {message.payload_bytes} payload bytes with this {_type_of(cls)!r}, got {header['payload']!r:.60}")
        return message


@dataclass(frozen=True)
class NamedMessage(Message):
    """Base of the messages about one image or job, whose name is ``id``."""

    id: str

    def __post_init__(self) -> None:
        if len(self.id) > MAX_ID_CHARACTERS:
            raise ProtocolError(f"expected an 'id' of at most {MAX_ID_CHARACTERS} characters, got {len(self.id)}")


def _type_of(message: type[Message]) -> str:
    """Returns the name of a message in its header."""
    return message.__name__.lower()


def _hints_of(kind: Any) -> Mapping[str, Any]:
    """Returns the types of a dataclass's fields by name."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def to_json(value: Any) -> Any:
    """Returns what JSON has for a dataclass or the value of a field.

    Example:
        >>> to_json(("a", 1))
        ['a', 1]
    """
    if isinstance(value, Text):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(entry) for entry in value]
    return dict(value) if isinstance(value, Mapping) else value


def from_json(kind: type, value: Mapping[str, Any], where: str) -> Any:
    """Builds a dataclass out of the object that JSON has for it.

    Args:
        kind: the dataclass.
        value: what :func:`to_json` made of it.
        where: what is read, for errors.

    Raises:
        ProtocolError: a field is missing, unknown or of another type; the error says what was expected and what came.
    """
    hints = _hints_of(kind)
    if value.keys() != hints.keys():
        expected = f"the fields {', '.join(map(repr, hints))}" if hints else "no fields"
        raise ProtocolError(f"expected {expected} in {where}, got {', '.join(map(repr, value)) or 'none':.200}")
    read = {}
    for name, hint in hints.items():
        try:
            read[name] = _value(hint, value[name], where)
        except _Unexpected as error:
            raise ProtocolError(f"expected {error} as {name!r} in {where}, got {value[name]!r:.60}") from error
    return kind(**read)


class _Unexpected(Exception):
    """A value is of another type; says what was expected."""


def _value(hint: Any, value: Any, where: str) -> Any:
    """Checks a field's value and turns what JSON has for it into what the field has."""
    if hint is Text:
        try:
            return Text.from_json(value)
        except (ValueError, RecursionError) as error:
            raise _Unexpected("a text that is known here") from error
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise _Unexpected("an object")
        return from_json(typing.cast(type, hint), value, where)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _Unexpected("a list")
        return tuple(_value(typing.get_args(hint)[0], entry, where) for entry in value)
    if typing.get_origin(hint) is not None:
        if not isinstance(value, dict) or not all(isinstance(entry, typing.get_args(typing.get_args(hint)[1])) for entry in value.values()):
            raise _Unexpected("an object of numbers and texts")
        return value
    if hint is float:
        largest = sys.float_info.max
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -largest <= value <= largest:
            raise _Unexpected("a finite number")
    elif isinstance(value, bool) or not isinstance(value, hint):
        raise _Unexpected({str: "a text", int: "a whole number"}[hint])
    return value
