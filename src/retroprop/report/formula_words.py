"""The words that stand inside formulas, between quotation marks."""

import re

from retroprop.languages import say_later, translator

_WORDS = {
    say_later("if"),
    say_later("or"),
    say_later("for all"),
    say_later("(without the padding)"),
    say_later("(the channels of the image)"),
}


def formula_in(source: str, language: str) -> str:
    """The formula with the words in it in the language.

    >>> formula_in('k = 27 "or" k = 28', "fr")
    'k = 27 "ou" k = 28'

    Raises:
        KeyError: If a word has no French.
    """
    say = translator(language)

    def said(found: re.Match[str]) -> str:
        if found[1] not in _WORDS:
            raise KeyError(found[1])
        return f'"{say(found[1])}"'

    return re.sub(r'"([^"]*)"', said, source)
