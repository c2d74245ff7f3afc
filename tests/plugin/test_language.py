"""Texts in the user's language, as the windows show them; GLib only tells which language that is."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def language(installed: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    glib = SimpleNamespace(get_language_names=lambda: [request.param, "C"])
    monkeypatch.setitem(sys.modules, "gi", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "gi.repository", SimpleNamespace(GLib=glib))
    monkeypatch.delitem(sys.modules, "ui.language", raising=False)
    yield importlib.import_module("ui.language")
    sys.modules.pop("ui.language", None)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "die Vorlage „sky: {}“: erwartet wurde mindestens ein Pixel, das nicht ganz durchsichtig ist, es gibt keines"),
        ("en", "the reference 'sky: {}': expected at least one pixel that is not fully transparent, got none"),
    ],
    indirect=["language"],
)
def test_a_text_is_put_into_words_with_its_parts(language: Any, words: str) -> None:
    from nct_shared.texts import Text

    assert language.in_words(Text("about", Text("reference", "sky: {}"), Text("all_transparent"))) == words


@pytest.mark.parametrize("language", ["fr"], indirect=True)
def test_what_has_no_code_stays_as_it_is(language: Any) -> None:
    from nct_shared.texts import Text

    assert language.in_words(Text.of("expected {}, got nothing")) == "expected {}, got nothing"
