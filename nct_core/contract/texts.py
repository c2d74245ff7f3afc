"""Sentences as code and arguments, so that each program can put them into the words of its reader.

A :class:`Text` is its English sentence, and knows the code and the arguments from which it was made. They travel from the worker to the plug-in,
which has the sentences of :data:`TEXTS` in its catalogs; the command line and the log take the English ones. Standard library only.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Union

PLAIN = "plain"
"""The code of a sentence that has no other and is not translated; its argument is the sentence."""

TEXTS: Mapping[str, str] = {
    PLAIN: "{}",
    # how far a transfer is
    "reading_colors": "Reading colors",
    "loading_network": "Loading the network",
    "reading_source": "Reading the source",
    "reading_reference": "Reading the reference",
    "reading_one_reference": "Reading the reference {}",
    "matching": "Matching, level {} of {}",
    "matching_one_reference": "Matching {}, level {} of {}",
    "recoloring": "Recoloring, level {} of {}",
    "applying": "Applying the colors",
    "starting_again": "The worker ended unexpectedly: beginning again",
    "too_little_memory_on_device": "Too little memory on {}: beginning again on the CPU",
    "device_failed": "{} failed: beginning again on the CPU",
    "done": "Done",
    # what the user should know about a result
    "gray_reference": "The reference has almost no color: the result is gray and takes only its tones",
    "flat_reference": "The reference has almost a single tone: the result takes little of its look",
    # what an error is about
    "about": "{}: {}",
    "source": "source",
    "reference": "the reference '{}'",
    # errors of the worker
    "same_picture": "expected a picture that differs from the source, got the same pixels; choose another picture",
    "nothing_visible": "expected something visible within its mask and selection, got nothing; select another part of it",
    "all_transparent": "expected at least one pixel that is not fully transparent, got none",
    "too_thin": "expected at least 2 pixels a side, since a single row or column has no patches to match, got {}",
    "no_such_file": "expected an image file, but there is no such file; check the path",
    "other_format": "expected a PNG, TIFF, JPEG, WebP or AVIF image, got {}; convert it to one of these first",
    "other_kind_of_file": "a file of another kind",
    "raw_file": "a camera's raw file",
    "damaged_file": "expected a whole PNG, TIFF, JPEG, WebP or AVIF image, got a damaged file ({}); get or save it again",
    "too_many_references": "expected at most {} references, got {}; choose those that matter",
    "references_exceed_memory": (
        "expected at most {} references of this size in the {} GiB of memory that are free, got {}; use fewer, a smaller working size, or close other programs"
    ),
    "transfer_exceeds_memory": (
        "expected about {} GiB of free memory for a transfer of this size, got {} GiB; use a smaller working size, or close other programs"
    ),
    "out_of_device_memory": "expected enough memory on {}, but it has no more ({}); use a smaller working size, or the device cpu",
    "no_such_device": "expected one of the devices that this machine has ({}), got '{}'; choose another",
    "device_error": "expected {} to compute, but it failed ({}); update its driver, or use the device cpu",
    "device_lost": "{}; this process cannot use it any more, a new one may",
    "out_of_memory": "expected enough memory for the pictures, but the machine has no more; use smaller pictures or close other programs",
    "disk_full": "expected room on the disk for the worker's compiled code, but it is full; make room and try again",
    "no_weights": "expected network weights in {}, found none; {}",
    "repair_weights": "run install.py again, or: python -m nct_core.features.weights fetch",
    "worker_failed": "the worker failed unexpectedly ({}: {})",
    # errors of the plug-in
    "long_request": "expected a request of at most {} bytes, got {}; choose fewer references, or files with shorter paths",
    "damaged_settings": "expected the plug-in's settings in {}, got {}; run install.py again",
    "other_version": "expected a worker of version {}, got {}; run install.py again",
    "worker_not_started": "the worker {} cannot be started ({}); run install.py again",
    "worker_ended": "the worker ended unexpectedly (exit status {}); run install.py again if this happens repeatedly",
    "plugin_failed": "the plug-in failed unexpectedly ({}: {})",
    "source_removed": "the layer to recolor was removed during the transfer; start again",
    "source_changed": "the size, mode, precision or color profile of the layer to recolor was changed during the transfer; start again",
    "source_gone": "the layer to recolor is gone; select another layer and start again",
    "reference_gone": "expected reference layers of open images, got one that is gone; choose another",
    "layer_gone": "expected layers of open images, got one that is gone; choose another",
    "not_a_layer": "expected a layer, got the mask or channel '{}'; select a layer",
    "no_reference": "expected at least one reference layer or file, got none; choose one to take colors from",
    "indexed": "expected an RGB or grayscale layer, got '{}' of an indexed image; convert the image with Image > Mode > RGB",
    "source_as_reference": "expected references other than the source, got the layer '{}' as both; choose another reference",
    "remote_file": "expected a file on this computer, got {}; save it here first",
}
"""English sentences by code, with {} for each argument; also the texts that the plug-in's catalogs translate."""

Argument = Union[str, int, float]
"""A part of a sentence that varies; a :class:`Text` is put into words itself."""


class Text(str):
    """A sentence in English that can be put into other words.

    Args:
        code: one of :data:`TEXTS`.
        arguments: what varies in the sentence, in the order of its fields.

    Raises:
        ValueError: there is no such code, or its sentence has another number of fields.

    Example:
        >>> text = Text("about", Text("reference", "sky"), Text("all_transparent"))
        >>> str(text)
        "the reference 'sky': expected at least one pixel that is not fully transparent, got none"
        >>> text.arguments[0].code
        'reference'
    """

    code: str
    arguments: tuple[Argument, ...]

    def __new__(cls, code: str, *arguments: Argument) -> Text:
        """Writes the English sentence."""
        if code not in TEXTS or _fields(TEXTS[code]) != len(arguments):
            raise ValueError(f"expected the code of a sentence with {len(arguments)} fields, got {code!r:.60}")
        text = super().__new__(cls, TEXTS[code].format(*arguments))
        text.code, text.arguments = code, arguments
        return text

    def __getnewargs__(self) -> tuple[Any, ...]:  # a copy is made as the original was
        return (self.code, *self.arguments)

    @classmethod
    def of(cls, sentence: str) -> Text:
        """Returns a sentence as it is if it is a text, else as one that is not translated."""
        return sentence if isinstance(sentence, Text) else cls(PLAIN, sentence)

    def within(self, characters: int) -> Text:
        """Returns the text if it is no longer than this, else its beginning, which is not translated."""
        return self if len(self) <= characters else Text(PLAIN, self[:characters])

    def to_json(self) -> dict[str, Any]:
        """Returns what :meth:`from_json` reads."""
        return {"code": self.code, "arguments": [argument.to_json() if isinstance(argument, Text) else argument for argument in self.arguments]}

    @classmethod
    def from_json(cls, value: object) -> Text:
        """Reads a text that came from the other program.

        Raises:
            ValueError: it is no text that this program knows.
        """
        if not isinstance(value, dict) or value.keys() != {"code", "arguments"}:
            raise ValueError(f"expected a code and arguments, got {value!r:.60}")
        code, given = value["code"], value["arguments"]
        if not isinstance(code, str) or not isinstance(given, list) or not all(isinstance(argument, (str, int, float, dict)) for argument in given):
            raise ValueError(f"expected the code of a sentence, and texts and numbers as arguments, got {value!r:.60}")
        return cls(code, *(cls.from_json(argument) if isinstance(argument, dict) else argument for argument in given))


def _fields(template: str) -> int:
    return sum(field is not None for _, field, _, _ in string.Formatter().parse(template))
