import ast
import re
import string
from importlib.resources import files

import pytest

from retroprop.errors import UserError
from retroprop.figures.curves import PARTS
from retroprop.report.translations import FRENCH, translator

SPEAKERS = {"say", "say_later", "translate"}
SPOKEN_BY_NAME = set(PARTS)  # words of curves.py that are translated where they are used


def texts_in(expression):
    """The texts that a call may receive: a literal, or either side of a condition."""
    match expression:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=orelse):
            return texts_in(body) + texts_in(orelse)
        case _:
            return []


def texts_said():
    found = set()
    for room in ("report", "figures"):
        for file in files("retroprop").joinpath(room).iterdir():
            if not file.name.endswith(".py"):
                continue
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for function in ast.walk(tree):
                if not isinstance(function, ast.FunctionDef | ast.Module):
                    continue
                named = {}
                for node in ast.walk(function):
                    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                        named.setdefault(node.targets[0].id, []).extend(texts_in(node.value))
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and node.args:
                        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                        if name in SPEAKERS:
                            said = node.args[0]
                            found.update(texts_in(said))
                            if isinstance(said, ast.Name) and isinstance(function, ast.FunctionDef):
                                found.update(named.get(said.id, []))
    return found


def test_every_text_is_translated_and_no_translation_is_left_over():
    said = texts_said() | SPOKEN_BY_NAME
    assert len(said) > 100
    assert said - set(FRENCH) == set()
    assert set(FRENCH) - said == set()


def test_a_translation_has_the_same_places_for_numbers():
    for english, french in FRENCH.items():
        places = [
            sorted({name for _, name, _, _ in string.Formatter().parse(text) if name is not None})
            for text in (english, french)
        ]
        assert places[0] == places[1], english


def test_french_punctuation_never_starts_a_line():
    for french in FRENCH.values():
        assert not re.search(r" [:;!?»]|« ", french), french


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_text_that_nobody_translated_is_an_error_in_every_language(language):
    with pytest.raises(KeyError):
        translator(language)("a text that does not exist")


def test_an_unknown_language_is_explained():
    with pytest.raises(UserError, match="use en or fr"):
        translator("de")


@pytest.mark.parametrize(
    ("template", "start"),
    [("report.html.j2", "<body"), ("blocks.html.j2", ""), ("fragment.html.j2", "</style>")],
)
def test_templates_hold_no_words_of_their_own(template, start):
    page = files("retroprop.report").joinpath("templates", template).read_text("utf-8")
    body = page[page.index(start) :]
    without_code = re.sub(r"\{[{%#].*?[}%#]\}", "", body, flags=re.DOTALL)
    assert re.findall(r"\w+", re.sub(r"<[^>]*>", " ", without_code)) == []
