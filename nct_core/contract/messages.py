"""What the plug-in and the worker say to each other: a frozen dataclass for each message.

Each message has the fields of its class and no others, and is checked when it is read: what is missing, unknown, of another type or out of range
raises :class:`ProtocolError`, after which nothing that comes can be trusted, so that the connection ends. ``id`` names an image, or a job and its
answers. Standard library only, Python >= 3.9: the plug-in uses this module too.

The worker greets with :class:`Hello`. It takes :class:`Image` and :class:`Forget` at any time; a job is a :class:`Transfer`, an :class:`Apply` or a
:class:`View`, and ends with one :class:`Result` or :class:`Error`. :class:`Cancel` makes that an error with the code "canceled".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Union

from . import frames
from .errors import ProtocolError
from .frames import Chunk, PixelLayout
from .headers import Message, NamedMessage
from .texts import Text

VERSION = 6
KEPT_TRANSFERS = 12  # the last ones, to which Apply and View can refer
ROLES = ("source", "reference", "mask")
VIEWS = ("mask", "confidence", "part", "labels", "matches")
"""What a :class:`View` of a result shows, as uint8 of the size of what it is shown on. Gray, each times the masks that are named: white everywhere, how
certain each match is, where the reference ``index`` colored the source. RGB: the source painted in the colors of its references, and the pixels of the
references that were matched, in the positions of the source's."""

Parameter = Union[bool, int, float, str]


@dataclass(frozen=True)
class SentReference:
    """A reference as the worker knows it.

    Attributes:
        name: what messages call it.
        image: name of an image that was sent; "" for a file.
        file: path of a file that the worker reads; "" for an image.
        masks: names of masks that were sent; the reference counts where all of them are above one half.
    """

    name: str
    image: str = ""
    file: str = ""
    masks: tuple[str, ...] = ()


# -- worker -> plug-in


@dataclass(frozen=True)
class Device:
    """A device of the worker's machine: its name in :attr:`Transfer.device`, and what people call it."""

    id: str
    name: str


@dataclass(frozen=True)
class Hello(Message):
    """The greeting.

    Attributes:
        protocol: :data:`VERSION`.
        version: version of the library.
        device: the device that computes unless another is asked for, in words.
        devices: all devices that can be asked for.
        backbone: the network whose weights are installed; "" without weights.
    """

    protocol: int
    version: str
    device: str
    devices: tuple[Device, ...]
    backbone: str

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Hello:
        """Reads a greeting; of one of another protocol only the version, so that the two can be compared."""
        if header.get("protocol") != VERSION:
            told = {name: header[name] for name in ("type", "protocol", "version") if name in header}
            header = {**told, "device": "", "devices": [], "backbone": ""}
        return super().from_header(header)


@dataclass(frozen=True)
class Progress(NamedMessage):
    """How far a job is: a fraction, 0 to 1, that never decreases, and the stage."""

    fraction: float
    stage: Text


@dataclass(frozen=True)
class TransferFacts:
    """What is known about a transfer.

    Attributes:
        transfer: name of its job.
        backbone: the network that was used.
        device: the device that computed, in words.
        seconds: how long it took.
        shares: the fraction of the source that each reference colored, 0 to 1.
        colors: the color of each reference in the view "labels", as "#rrggbb".
        notes: what the user should know about the result, each a sentence.
    """

    transfer: str
    backbone: str
    device: str
    seconds: float
    shares: tuple[float, ...]
    colors: tuple[str, ...]
    notes: tuple[Text, ...]


@dataclass(frozen=True)
class Result(NamedMessage):
    """The result of a job; its pixels follow.

    Attributes:
        facts: the transfer that it comes from.
        layout: layout of the pixels.
    """

    facts: TransferFacts
    layout: PixelLayout


@dataclass(frozen=True)
class Error(NamedMessage):
    """A job failed, or was canceled; without an ``id`` the connection ends.

    Attributes:
        code: the ``code`` of an :class:`NctError`, or "internal".
        text: what happened and what to do.
        detail: the traceback.
    """

    code: str
    text: Text
    detail: str


# -- plug-in -> worker


@dataclass(frozen=True)
class Image(NamedMessage):
    """An image, to which jobs then refer by its ``id``; one of the same name is replaced. Its profile and pixels follow.

    Attributes:
        role: one of :data:`ROLES`.
        layout: layout of the pixels, with the length of the profile.
    """

    role: str
    layout: PixelLayout

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("role", self.role, ROLES)


@dataclass(frozen=True)
class Forget(NamedMessage):
    """No job needs the image any more."""


@dataclass(frozen=True)
class Transfer(NamedMessage):
    """A job: recolor the source.

    Attributes:
        source: name of an image.
        references: the references, images or files.
        params: names and values of :class:`TransferParams`; missing ones take their defaults.
        onto: name of an image of the source at another size, which is recolored instead; "" means the source.
        device: a device as :func:`nct_core.transfer` calls it.
        file_side: longest side in pixels to which files are reduced before the transfer; 0 keeps their size.
    """

    source: str
    references: tuple[SentReference, ...]
    params: Mapping[str, Parameter]
    onto: str = ""
    device: str = "auto"
    file_side: int = 0


@dataclass(frozen=True)
class Apply(NamedMessage):
    """A job: apply a finished transfer with other values, 0 to 1.

    Attributes:
        transfer: name of the transfer's job.
        strength, keep_lightness: see :class:`TransferParams`.
        onto: as in :class:`Transfer`.
    """

    transfer: str
    strength: float
    keep_lightness: float = 0.0
    onto: str = ""


@dataclass(frozen=True)
class View(NamedMessage):
    """A job: draw a view of a finished transfer.

    Attributes:
        transfer: name of the transfer's job.
        kind: one of :data:`VIEWS`.
        index: the reference that the view "part" shows.
        masks: names of masks by which a gray view is multiplied.
        onto: as in :class:`Transfer`.
    """

    transfer: str
    kind: str
    index: int = 0
    masks: tuple[str, ...] = ()
    onto: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("kind", self.kind, VIEWS)


@dataclass(frozen=True)
class Cancel(NamedMessage):
    """The job shall end."""


@dataclass(frozen=True)
class Shutdown(Message):
    """The worker shall end."""


Job = Union[Transfer, Apply, View]
MESSAGES: Mapping[str, type[Message]] = {
    message.__name__.lower(): message for message in (Hello, Progress, Result, Error, Image, Forget, Transfer, Apply, View, Cancel, Shutdown)
}
"""The messages by their type in a header."""


def send(stream: BinaryIO, message: Message, chunks: Iterable[Chunk] = ()) -> None:
    """Writes a message and flushes.

    Args:
        stream: a blocking binary stream that writes all it is given.
        message: the message.
        chunks: the payload in pieces, drawn one after the other, so that no whole image needs to lie in memory.

    Raises:
        InputError: the message is longer than a header may be; nothing was written.
        ValueError: the chunks are not as long as the payload that the message announces; the caller is at fault.
        OSError: the other program is gone.

    Example:
        >>> import io
        >>> stream = io.BytesIO()
        >>> send(stream, Cancel("job 1"))
        >>> receive(io.BytesIO(stream.getvalue()))
        Cancel(id='job 1')
    """
    frames.write_frame(stream, message.to_header(), chunks)


def receive(stream: BinaryIO) -> Message | None:
    """Reads the next message; its payload, if any, must be read before the next call.

    Returns:
        The message, or None where the stream ends between two messages.

    Raises:
        ProtocolError: the bytes are not a frame, or its header is none of a message.
    """
    header = frames.read_header(stream)
    if header is None:
        return None
    kind = header.get("type")
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise ProtocolError(f"expected a message of a known type, got {kind!r:.60}")
    return MESSAGES[kind].from_header(header)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ProtocolError(f"expected one of the {name}s {', '.join(choices)}, got {value!r:.60}")
