"""The translations: complete, compiled, and of the texts that the code has."""

from __future__ import annotations

import ast
import gettext
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from nct_core.contract.params import describe

PROJECT = Path(__file__).resolve().parents[2]
PLUGIN = PROJECT / "plugin" / "neural_color_transfer"
LANGUAGES = ("de", "fr")
COMPILE = "python -m babel.messages.frontend compile -d plugin/neural_color_transfer/locale -D neural_color_transfer"
SIGNIFICANT = 10  # letters in a text that distinguish it from mere combinations of others


def catalog_of(language: str) -> dict[str, str]:
    """Texts and translations of a catalog as translators write it."""
    with open(PLUGIN / "locale" / language / "LC_MESSAGES" / "neural_color_transfer.po", "rb") as file:
        return {message.id: message.string for message in read_po(file, language, abort_invalid=True) if message.id}


def trees(folder: Path) -> Iterator[ast.Module]:
    for file in sorted(folder.rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def marked_texts() -> set[str]:
    """The texts that the plug-in shows, with those of the parameters."""
    found = set()
    for tree in trees(PLUGIN):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    for parameter in describe():
        effect = parameter.effect.rpartition(" (")[0]
        found |= {parameter.label, f"{effect[:1].upper()}{effect[1:]}"}
    return found


def patterns_of_texts() -> list[re.Pattern[str]]:
    """A pattern for every text in the code of the library and the plug-in, with ".*" for the parts that vary."""
    found = []
    for folder in (PROJECT / "nct_core", PLUGIN):
        for tree in trees(folder):
            parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
            for node in ast.walk(tree):
                call = parents.get(node)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "N_":
                    continue  # the list of messages itself
                if isinstance(node, ast.JoinedStr):
                    parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values]
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    parts = [re.escape(node.value)]
                else:
                    continue
                if sum(map(len, (part for part in parts if part != ".*"))) >= SIGNIFICANT:
                    found.append(re.compile("".join(parts).removeprefix(r".*:\ "), re.DOTALL))
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


def test_the_messages_that_are_raised_in_english_are_those_of_the_code() -> None:
    tree = ast.parse((PLUGIN / "ui" / "language.py").read_text(encoding="utf-8"))
    messages = [node.args[0].value for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_"]
    patterns = patterns_of_texts()
    short = {"source", "Done", "the reference '{}'"}
    assert len(messages) > 30
    assert [text for text in messages if text not in short and not any(pattern.fullmatch(text) for pattern in patterns)] == []
