"""The translations: complete, compiled, and of the texts that the code has."""

from __future__ import annotations

import ast
import gettext
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from nct_core.contract.params import describe
from nct_core.contract.texts import PLAIN, TEXTS, Text

PROJECT = Path(__file__).resolve().parents[2]
PLUGIN = PROJECT / "plugin" / "neural_color_transfer"
LANGUAGES = ("de", "fr")
COMPILE = "python -m babel.messages.frontend compile -d plugin/neural_color_transfer/locale -D neural_color_transfer"


def catalog_of(language: str) -> dict[str, str]:
    """Texts and translations of a catalog as translators write it."""
    with open(PLUGIN / "locale" / language / "LC_MESSAGES" / "neural_color_transfer.po", "rb") as file:
        return {message.id: message.string for message in read_po(file, language, abort_invalid=True) if message.id}


def trees(folder: Path) -> Iterator[ast.Module]:
    for file in sorted(folder.rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def calls(*names: str, folder: Path = PLUGIN) -> Iterator[ast.Call]:
    for tree in trees(folder):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield node


def marked_texts() -> set[str]:
    """The texts that the plug-in shows, with those of the parameters, and those that come as code and arguments."""
    arguments = [call.args[0] for call in calls("_", "N_", "error")]
    found = {argument.value for argument in arguments if isinstance(argument, ast.Constant)} | {text for code, text in TEXTS.items() if code != PLAIN}
    for parameter in describe():
        effect = parameter.effect.rpartition(" (")[0]
        found |= {parameter.label, f"{effect[:1].upper()}{effect[1:]}"}
    return found


def fields(text: str) -> list[str | None]:
    return [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalog_has_every_text_and_no_other(language: str) -> None:
    catalog = catalog_of(language)
    assert sorted(catalog) == sorted(marked_texts())
    assert [text for text, translation in catalog.items() if not translation] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_fields_mnemonics_and_marks(language: str) -> None:
    for text, translation in catalog_of(language).items():
        assert fields(translation) == fields(text), text
        assert translation.count("_") == text.count("_"), text
        assert translation.endswith("…") == text.endswith("…"), text
        assert text[-1] not in ".:;," or translation.rstrip("\u00a0\u202f ")[-1] == text[-1], text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_gettext_reads_is_what_translators_write(language: str) -> None:
    catalog = catalog_of(language)
    translation = gettext.translation("neural_color_transfer", PLUGIN / "locale", [language])
    outdated = [text for text in catalog if translation.gettext(text) != catalog[text]]
    assert outdated == [], f"compile the catalogs: {COMPILE}"


def test_there_is_no_other_catalog() -> None:
    assert sorted(path.name for path in (PLUGIN / "locale").iterdir()) == sorted(LANGUAGES)


def test_every_code_is_used_and_every_use_has_a_code_with_its_arguments() -> None:
    used = {PLAIN}
    for folder in (PLUGIN, PROJECT / "nct_core"):
        for call in calls("Text", folder=folder):
            code, *arguments = call.args
            if isinstance(code, ast.Constant):
                assert Text(str(code.value), *("x" for _ in arguments))
                used.add(str(code.value))
    assert used == set(TEXTS)
