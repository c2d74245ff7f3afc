"""The translations: complete, and true to what the code says."""

from __future__ import annotations

import ast
import gettext
import io
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer import catalogs
from nct_core.contract.params import describe

PROJECT = Path(__file__).resolve().parents[2]
PLUGIN = PROJECT / "plugin" / "neural_color_transfer"
CATALOGS = sorted((PROJECT / "plugin" / "locale").glob("*.po"))
TELLING = 10  # letters from which on a message is no mere combination of others


def trees(folder: Path) -> Iterator[ast.Module]:
    for file in sorted(folder.glob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def marked() -> set[str]:
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


def said() -> list[re.Pattern[str]]:
    """Every text in the code of library and plug-in, as a pattern of what it can become."""
    found = []
    for folder in (PROJECT / "nct_core", PLUGIN):
        for tree in trees(folder):
            parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
            for node in ast.walk(tree):
                call = parents.get(node)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "N_":
                    continue  # that is the list itself
                if isinstance(node, ast.JoinedStr):
                    parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values]
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    parts = [re.escape(node.value)]
                else:
                    continue
                if sum(map(len, (part for part in parts if part != ".*"))) >= TELLING:
                    found.append(re.compile("".join(parts).removeprefix(r".*:\ "), re.DOTALL))
    return found


def fields(text: str) -> list[str | None]:
    return [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.stem)
def test_a_catalog_has_every_text_and_no_other(file: Path) -> None:
    catalog = catalogs.read(file)
    assert "charset=UTF-8" in catalog.pop("")
    assert sorted(catalog) == sorted(marked())
    assert [text for text, translation in catalog.items() if not translation] == []


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.stem)
def test_translations_keep_fields_mnemonics_and_marks(file: Path) -> None:
    for text, translation in catalogs.read(file).items():
        if not text:
            continue
        assert fields(translation) == fields(text), text
        assert translation.count("_") == text.count("_"), text
        assert translation.endswith("…") == text.endswith("…"), text
        assert text[-1] not in ".:;," or translation.rstrip("\u00a0\u202f ")[-1] == text[-1], text


def test_german_and_french_are_there() -> None:
    assert [file.stem for file in CATALOGS] == ["de", "fr"]


def test_what_is_told_in_english_is_what_the_code_says() -> None:
    tree = ast.parse((PLUGIN / "language.py").read_text(encoding="utf-8"))
    told = [node.args[0].value for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_"]
    patterns = said()
    short = {"source", "Done", "the reference '{}'"}
    assert len(told) > 30
    assert [text for text in told if text not in short and not any(pattern.fullmatch(text) for pattern in patterns)] == []


def test_gettext_reads_what_is_compiled(tmp_path: Path) -> None:
    catalog = {"": "Content-Type: text/plain; charset=UTF-8\n", "color": "Farbe", "_Close": "S_chließen", "empty": ""}
    translations = gettext.GNUTranslations(io.BytesIO(catalogs.to_mo(catalog)))
    assert [translations.gettext(text) for text in catalog if text] == ["Farbe", "S_chließen", "empty"]


def test_a_catalog_is_read_over_lines_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "xx.po"
    file.write_text('# note\nmsgid ""\nmsgstr "head\\n"\n"er\\n"\n\n#: where\nmsgid "a \\"b\\""\nmsgstr ""\n"c"\n', encoding="utf-8")
    assert catalogs.read(file) == {"": "head\ner\n", 'a "b"': "c"}
    file.write_text('msgid "a"\nmsgstr nothing\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: expected msgid or msgstr"):
        catalogs.read(file)
