"""Every text that a reader sees, in English (the key) and in French.

The French stands in `fr/*.po`, one file a topic, in gettext's format. Installing the package makes
`fr/LC_MESSAGES/retroprop.mo` of them, which is all that is read here; after changing a text, run
`scripts/compile_messages.py`.

A text that is missing there is said in English, and kept in `untranslated`: no test may leave one
there, so that a test of an English page finds a French text that was forgotten.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal

from retroprop.errors import UserError, did_you_mean

Say = Callable[[str], str]
Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")
VARIABLE = "RETROPROP_LANGUAGE"
CATALOG = Path(__file__).parent / "fr" / "LC_MESSAGES" / "retroprop.mo"

untranslated: set[str] = set()
"""The texts without French that this process has said, in whatever language."""


def translator(language: str) -> Say:
    """A function from the English text to the text in `language`.

    >>> translator("fr")("batch size")
    'taille de lot'

    Raises:
        UserError: If we do not speak the language.
    """
    if language not in LANGUAGES:
        raise UserError(
            f"nothing here is written in the language {language!r}: use en or fr. "
            f"{did_you_mean(language, LANGUAGES)}"
        )
    french = _french().gettext
    if language == "fr":
        return french
    return lambda text: french(text) and text  # looked up too, to notice what is missing


def reader_language(environment: Mapping[str, str] = os.environ) -> Language:
    """The language of whoever sits before the screen.

    RETROPROP_LANGUAGE wins; without it, the locale: the first of LC_ALL, LC_MESSAGES and LANG that
    is set, as POSIX has it. English where they name another language, or nothing.

    >>> reader_language({"LANG": "fr_CA.UTF-8"}), reader_language({"LANG": "de_DE"})
    ('fr', 'en')
    >>> reader_language({"LANG": "fr_CA.UTF-8", "RETROPROP_LANGUAGE": "en"})
    'en'

    Raises:
        UserError: If RETROPROP_LANGUAGE is a language that we do not speak.
    """
    if chosen := environment.get(VARIABLE):
        if chosen not in LANGUAGES:
            raise UserError(f"the variable {VARIABLE} is en or fr, and not {chosen!r}.")
        return chosen
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := environment.get(name))), "")
    return "fr" if re.match(r"fr(?![a-z])", locale) else "en"


def say_later(text: str) -> str:
    """Mark a text that is translated where it is used; returns it unchanged."""
    return text


@cache
def _french() -> GNUTranslations:
    try:
        with CATALOG.open("rb") as file:
            messages = GNUTranslations(file)
    except FileNotFoundError:
        raise UserError(
            "the French texts are not compiled: run python scripts/compile_messages.py, or install "
            "the package again."
        ) from None
    messages.add_fallback(_Untranslated())
    return messages


class _Untranslated(NullTranslations):
    """Where gettext ends with a text that it does not have: it is said in English."""

    def gettext(self, message: str) -> str:
        untranslated.add(message)
        return message
