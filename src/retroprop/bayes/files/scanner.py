"""A walk over the words and marks of a text, which BIF and Hugin's NET share."""

import re
from typing import ClassVar

from retroprop.bayes.files.source import Source


class Scanner:
    """Walks over a text; `self.at` is the place of the next token.

    Attributes:
        BLANK: Blanks and comments.
        WORD: A word that is not quoted.
        QUOTED: A quoted one; its first group is the text.
        IGNORED: Marks that carry no meaning between words.
    """

    BLANK: ClassVar[re.Pattern[str]]
    WORD: ClassVar[re.Pattern[str]]
    QUOTED: ClassVar[re.Pattern[str]]
    IGNORED: ClassVar[str] = ","

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        self.at = 0
        self.skip()

    def skip(self) -> None:
        """Over blanks and comments."""
        self.at = self.BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]

    def step(self) -> None:
        """Over a mark, and the blanks behind it."""
        self.at += 1
        self.skip()

    def sees(self, mark: str) -> bool:
        """Whether the next token is this mark; those without a meaning are passed over."""
        while self.at < len(self.text) and self.text[self.at] in self.IGNORED:
            self.step()
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> None:
        """Over the mark that must stand here."""
        if not self.sees(mark):
            self.source.expected(self.at, repr(mark))
        self.step()

    def word(self, what: str) -> str:
        """The next word or quoted text."""
        self.sees("")
        if found := self.WORD.match(self.text, self.at):
            word = found[0]
        elif found := self.QUOTED.match(self.text, self.at):
            word = found[1]
        else:
            self.source.expected(self.at, what)
        self.at = found.end()
        self.skip()
        return word
