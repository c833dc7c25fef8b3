"""Everything that a reader sees is English and French, and the French is well set."""

import ast
import re
import string
from importlib.resources import files

import compile_messages
import messages
import pytest

from retroprop.errors import UserError
from retroprop.languages import CATALOG, reader_language, translator, untranslated

FRENCH = compile_messages.french()

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


# --- nothing missing, nothing left over -----------------------------------------------------------


def test_every_text_is_translated_and_no_translation_is_left_over():
    assert len(FRENCH) > 500
    assert messages.complaints() == []


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("say('a')", {"a"}),
        ("self.say('a' 'b')", {"ab"}),
        ("def f():\n    return say('a' if x else 'b' if y else 'c')", {"a", "b", "c"}),
        ("def f():\n    if x:\n        text = 'a'\n    text = 'b'\n    say(text)", {"a", "b"}),
        ("TITLE = 'a'\nclass C:\n    def f(self):\n        return say(TITLE)", {"a"}),
        ("def f():\n    text = 'a'\n    return lambda: say(text)", {"a"}),
        ("def f():\n    for word in ('a', 'b'):\n        say(word)", {"a", "b"}),
        ("x = [say(word) for word in ('a', 'b')]", {"a", "b"}),
        ("Step(title=say_later('a'), parts=(say_later('b'),))", {"a", "b"}),
        ("Step('a', 'b'), Step(why='c')", {"a", "c"}),
        ("Proof(claim='a', scope='b'), Check(claim='c', against='d')", {"b", "c", "d"}),
        ("ProvedQuestion(title='a', task='b', answer='c', remark='d')", {"a", "b", "d"}),
        ("text = 'a'\ndef f(text):\n    return say(text)", set()),
        ("def f():\n    text = 'a'\ndef g():\n    return say(text)", set()),
        ("print('a')", set()),
    ],
)  # fmt: skip
def test_the_texts_of_a_program_are_found(code, texts):
    assert {text for text, _ in messages.texts_said_in(ast.parse(code))} == texts


def test_the_texts_of_several_rooms_are_found_with_their_places():
    places = {where.split("/")[0] for where in messages.texts_said().values()}
    assert {"report", "figures", "cli"} <= places


def test_no_text_is_put_together_before_it_is_translated():
    put_together = [
        f"{file.name}:{call.lineno}"
        for file in messages.CODE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and call.args
        and getattr(call.func, "id", getattr(call.func, "attr", "")) in messages.SPEAKERS
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert put_together == []


# --- the files ------------------------------------------------------------------------------------


def test_the_compiled_catalog_is_that_of_the_sources():
    compiled = compile_messages.compiled()
    assert compiled == CATALOG.read_bytes(), "run: python scripts/compile_messages.py"


@pytest.mark.parametrize("file", compile_messages.sources(), ids=lambda file: file.name)
def test_a_source_is_written_as_babel_writes_it(file):
    formatted = compile_messages.formatted(file)
    assert formatted == file.read_bytes(), "run: python scripts/compile_messages.py"


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ('msgid "a"\nmsgstr ""\n', "neither empty"),
        ('#, fuzzy\nmsgid "a"\nmsgstr "b"\n', "fuzzy"),
        ('msgctxt "c"\nmsgid "a"\nmsgstr "b"\n', "context"),
        ('msgid "a"\nmsgid_plural "as"\nmsgstr[0] "b"\nmsgstr[1] "bs"\n', "plural"),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', "twice"),
        ('#~ msgid "a"\n#~ msgstr "b"\n', "obsolete"),
        ("what is this\n", "not a .po file"),
    ],
)
def test_a_wrong_source_is_explained(tmp_path, entries, complaint):
    file = tmp_path / "wrong.po"
    file.write_text(HEADER + entries, encoding="utf-8")
    with pytest.raises(compile_messages.MessagesError, match=f"wrong.po.*{complaint}"):
        compile_messages.read(file)


def test_a_text_in_two_sources_is_an_error(tmp_path, monkeypatch):
    for name in ("one.po", "two.po"):
        (tmp_path / name).write_text(f'{HEADER}msgid "a"\nmsgstr "b"\n', encoding="utf-8")
    monkeypatch.setattr(compile_messages, "FRENCH", tmp_path)
    with pytest.raises(compile_messages.MessagesError, match=r"one\.po and two\.po both have 'a'"):
        compile_messages.french()


# --- the French -----------------------------------------------------------------------------------


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


# --- the help of the command line -----------------------------------------------------------------

WIDE = 1000  # every paragraph and every row is one line
ENGLISH = re.compile(r"\b(the|of|and|with|which|each|is|are)\b|\[(choices|default|required)\b")
NOTES = re.compile(r"( \[[^]]*\])+$")  # default and choices, ending a row


@pytest.fixture(scope="module")
def pages():
    """The words of every page, with the lines of code on it."""
    return {
        page: {line.strip() for fence in _fences(page) for line in fence.splitlines()}
        for page in messages.pages(messages.app)
    }


def _fences(page):
    command = messages.app
    for name in page:
        command = command[name]
    return re.findall(r"```(.*?)```", command.help, flags=re.DOTALL)


def prose(page, language, code):
    """The lines of a page, without code and without the frames of its panels."""
    lines = messages.printed(page, translator(language), WIDE).splitlines()
    bare = (line.strip("│╭╮╰╯─ ") for line in lines)
    return [line for line in bare if line and line not in code]


def test_every_page_of_the_help_is_found(pages):
    assert {(), ("run",), ("data",), ("bayes", "query"), ("theory",)} <= set(pages)
    assert len(pages) > 25


def test_no_line_of_the_help_is_the_same_in_both_languages(pages):
    for page, code in pages.items():
        english, french = (
            [NOTES.sub("", line) for line in prose(page, language, code)]
            for language in ("en", "fr")
        )
        assert len(english) == len(french)
        same = [line for line, other in zip(english, french, strict=True) if line == other]
        assert set(same) <= {"Arguments"}, page


def test_the_french_help_has_no_english_words(pages):
    for page, code in pages.items():
        assert not ENGLISH.search("\n".join(prose(page, "fr", code))), page
        assert ENGLISH.search("\n".join(prose(page, "en", code))), page


def test_the_code_of_the_help_is_the_same_in_both_languages(pages):
    for page, code in pages.items():
        english, french = (
            {line.strip() for line in messages.printed(page, translator(language)).splitlines()}
            for language in ("en", "fr")
        )
        assert code <= english & french | {""}, page


def test_no_line_of_the_french_help_starts_with_punctuation(pages):
    for page in pages:
        for width in (60, 72, 85, 100):
            for line in messages.printed(page, translator("fr"), width).splitlines():
                assert not re.match(r"[│\s]*[:;!?»]", line), (page, width)


# --- at run time ----------------------------------------------------------------------------------


def test_every_text_is_said_in_both_languages():
    english, french = translator("en"), translator("fr")
    for text, translation in FRENCH.items():
        assert english(text) == text
        assert french(text) == translation


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_text_that_nobody_translated_is_said_in_english_and_noticed(language):
    text = "a text that does not exist"
    assert translator(language)(text) == text
    assert untranslated == {text}  # which fails any test that leaves it there
    untranslated.clear()


def test_an_unknown_language_is_explained():
    with pytest.raises(UserError, match="use en or fr"):
        translator("de")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "fr"}, "fr"),
        ({"LANG": "fr_CA.ISO8859-1@euro"}, "fr"),
        ({"LANG": "fry_NL"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_BE"}, "fr"),
        ({"LANG": "fr_FR", "LC_MESSAGES": "fr_FR", "LC_ALL": "C"}, "en"),
        ({"LANG": "fr_FR", "LC_ALL": ""}, "fr"),
        ({"LC_ALL": "C", "RETROPROP_LANGUAGE": "fr"}, "fr"),
        ({"LC_ALL": "fr_FR", "RETROPROP_LANGUAGE": "en"}, "en"),
        ({"LC_ALL": "fr_FR", "RETROPROP_LANGUAGE": ""}, "fr"),
    ],
)
def test_the_reader_s_language_is_that_of_the_variable_or_of_the_locale(environment, language):
    assert reader_language(environment) == language


def test_a_variable_with_an_unknown_language_is_explained():
    with pytest.raises(UserError, match="RETROPROP_LANGUAGE is en or fr, and not 'de'"):
        reader_language({"RETROPROP_LANGUAGE": "de"})


@pytest.mark.parametrize("name", ["report.html.j2", "fragment.html.j2", "blocks.html.j2"])
def test_templates_hold_no_words_of_their_own(name):
    page = files("retroprop.report").joinpath("templates", name).read_text("utf-8")
    body = re.sub(r"<style>.*?</style>", " ", page, flags=re.DOTALL)
    words = re.sub(r"\{[{%#].*?[}%#]\}", "", body, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " ", words)
    assert not re.findall(r"\w+", words)
