"""Why a submission did not answer, in a reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retroprop.languages import Say

LONGEST = 500
MOST_PLACES = 50


class NoAnswer(Exception):  # noqa: N818 - of a submission; nothing is wrong here
    """A submission did not answer."""

    def said(self, say: Say) -> str:
        """Why, in the reader's language."""
        raise NotImplementedError


class Raised(NoAnswer):
    """The submission's code raised an exception.

    Attributes:
        type: The exception's.
        message: Its text, as the submission has it.
        line: The number of the last line of the submission that it went through, or None.
        text: That line.
        file: Its file, or None.
    """

    def __init__(
        self, type: str, message: str, line: int | None, text: str, file: str | None
    ) -> None:
        super().__init__(f"{type}: {message}")
        self.type, self.message, self.line, self.text, self.file = type, message, line, text, file

    def said(self, say: Say) -> str:
        """Type, message and line."""
        what = f"{self.type}: {self.message}" if self.message else self.type
        if self.line is None:
            return say("it raised {what}").format(what=what)
        return say("line {line} of {file} raised {what}").format(
            line=self.line, file=self.file, what=what
        )


class Ended(NoAnswer):
    """The submission's process was ended, or ended itself.

    Attributes:
        sentence: Why, in English; `say_later` marks it.
        values: Of the fields of the sentence.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values))
        self.sentence, self.values = sentence, values

    def said(self, say: Say) -> str:
        """Why."""
        return say(self.sentence).format(**self.values)


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that went wrong while a submission was loaded.

    Attributes:
        type: Of the exception; "LeftOut" for a file with the name of a library, "Ended" where the
            process was.
        message: What it says.
        file: Of the submission, or None.
        line: Of the file, or None.
        left_out: The function that is left out since it cannot be parsed, or empty.
        ended: Why the process was ended, or None.
    """

    type: str
    message: str = ""
    file: str | None = None
    line: int | None = None
    left_out: str = ""
    ended: Ended | None = field(default=None, compare=False)

    def said(self, say: Say) -> str:
        """What and where."""
        if self.type == "LeftOut":
            return say("{file} is left out: it has the name of a library").format(file=self.file)
        what = self.ended.said(say) if self.ended is not None else f"{self.type}: {self.message}"
        if self.file is not None and self.line is not None:
            placed = say("line {line} of {file}: {what}")
            what = placed.format(line=self.line, file=self.file, what=what)
        if self.left_out:
            what = say("{what}; {name} is left out").format(what=what, name=self.left_out)
        return what


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What torch was asked for while a submission answered, as its process says.

    Attributes:
        operations: How many on tensors.
        places: (name, file, line), where a line of the submission first asked for a function that
            derives, or that layers are made of.
    """

    operations: int = 0
    places: Sequence[tuple[str, str, int]] = ()


# --- what a confined process says, which may be anything ------------------------------------------


def raised_by(described: Any) -> Raised:
    """An exception, as the process describes it."""
    line = described.get("line") if isinstance(described, dict) else None
    return Raised(
        _text(described, "type", 100) or "Exception",
        _text(described, "message"),
        line if isinstance(line, int) else None,
        _text(described, "text", 200),
        _text(described, "file", 200) or None,
    )


def note_of(described: Any) -> Note:
    """Something that went wrong while it was loaded, as the process describes it."""
    raised = raised_by(described)
    return Note(
        type=raised.type,
        message=raised.message,
        file=raised.file,
        line=raised.line,
        left_out=_text(described, "left_out", 100),
    )


def seen_by(described: Any) -> Seen:
    """What torch was asked for, as the process describes it."""
    if not isinstance(described, dict):
        return Seen()
    operations, places = described.get("operations"), described.get("places")
    whole = tuple(
        (plain(name, 100), plain(file, 200), line)
        for place in (places if isinstance(places, list) else [])[:MOST_PLACES]
        if isinstance(place, list) and list(map(type, place)) == [str, str, int]
        for name, file, line in [place]
    )
    return Seen(operations=operations if type(operations) is int else 0, places=whole)


def _text(described: Any, name: str, most: int = LONGEST) -> str:
    text = described.get(name) if isinstance(described, dict) else None
    return plain(text, most) if isinstance(text, str) else ""


def plain(text: str, most: int = LONGEST) -> str:
    r"""A text on one line, that any file and any terminal takes.

    >>> plain("a\x1b[2J\ud800\n b")
    'a[2J b'
    """
    line = " ".join(text[: 2 * most].split())
    return "".join(letter for letter in line if letter.isprintable())[:most]
