from __future__ import annotations

import copy
import pickle
import string

import pytest

from nct_core.contract.errors import InputError, NctError
from nct_core.contract.texts import PLAIN, TEXTS, Text


def test_a_text_is_its_sentence_and_knows_its_parts() -> None:
    text = Text("about", Text("source"), Text("too_thin", "1x{}"))
    assert text == "source: expected at least 2 pixels a side, since a single row or column has no patches to match, got 1x{}"
    assert f"{text}" == str(text) and type(str(text)) is str
    assert (text.code, text.arguments) == ("about", (Text("source"), Text("too_thin", "1x{}")))


@pytest.mark.parametrize(("code", "arguments"), [("no such code", ()), ("matching", (1,)), ("done", (1,)), (PLAIN, ())])
def test_a_text_needs_a_known_code_with_all_its_arguments(code: str, arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected the code of a sentence"):
        Text(code, *arguments)


def test_sentences_have_plain_fields_only() -> None:
    for template in TEXTS.values():
        assert all((field, spec, conversion) == ("", "", None) for _, field, spec, conversion in string.Formatter().parse(template) if field is not None)


def test_texts_are_copied_whole() -> None:
    text = Text("about", Text("reference", "sky"), Text("all_transparent"))
    for other in (copy.deepcopy(text), pickle.loads(pickle.dumps(text)), Text.from_json(text.to_json())):
        assert (other, other.code, other.arguments) == (text, text.code, text.arguments)
        assert isinstance(other.arguments[0], Text) and other.arguments[0].code == "reference"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "done",
        {"code": "done"},
        {"code": "done", "arguments": {}},
        {"code": "done", "arguments": [], "more": 1},
        {"code": ["done"], "arguments": []},
        {"code": "too_thin", "arguments": [None]},
        {"code": "too_thin", "arguments": [{"code": "too_thin", "arguments": [[]]}]},
    ],
)
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        Text.from_json(value)


def test_a_long_text_is_cut() -> None:
    assert Text("done").within(4) is not None and Text("done").within(4).code == "done"
    cut = Text("remote_file", "x" * 2000).within(1000)
    assert (cut.code, len(cut)) == (PLAIN, 1000)


def test_an_error_has_its_message_as_text() -> None:
    error = InputError(Text("same_picture"))
    assert (str(error), error.text.code) == (TEXTS["same_picture"], "same_picture")
    other: NctError = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other), other.text.code) == (InputError, str(error), "same_picture")
    assert InputError("expected {}, got nothing").text == "expected {}, got nothing"
    assert InputError("expected {}, got nothing").text.code == PLAIN
