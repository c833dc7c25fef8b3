"""Compile the French texts: run it after changing a .po file.

    python scripts/compile_messages.py

The sources are src/retroprop/languages/fr/*.po, one file a topic, in gettext's format. A text
stands in one of them only, wherever it is said. Each is brought into the form in which Babel writes
it (so a diff shows texts, not line breaks), and all make the one catalog that the program reads,
which is built and not committed. `messages.py` compares the sources with what the code says.
"""

import io
import re
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po

FRENCH = Path(__file__).parents[1] / "src" / "retroprop" / "languages" / "fr"
COMPILED = Path("LC_MESSAGES", "retroprop.mo")


class MessagesError(Exception):
    """What is wrong with a .po file, in one sentence."""


def main() -> None:
    """Write every .po in Babel's form, and the compiled catalog."""
    try:
        whole = compiled()  # before anything is written, so that an error changes nothing
    except MessagesError as error:
        sys.exit(str(error))
    for file in sources():
        if (text := formatted(file)) != file.read_bytes():
            file.write_bytes(text)
    target = FRENCH / COMPILED
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(whole)
    print(f"{target.name}: {len(french())} texts")


class FrenchCatalog(Catalog):
    """A catalog whose header holds no dates and no versions: the same texts make the same bytes."""

    def __init__(self, comment: str = "") -> None:
        super().__init__(locale="fr", header_comment=comment, fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The lines that gettext reads."""
        return [
            ("Language", "fr"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]


def sources() -> list[Path]:
    """The .po files, in the order of their names."""
    return sorted(FRENCH.glob("*.po"))


def read(file: Path) -> FrenchCatalog:
    """The texts of a file, with the comments above them.

    Raises:
        MessagesError: If an entry is more or less than one English text with its French.
    """
    data = file.read_bytes()
    try:
        found = read_po(io.BytesIO(data), charset="utf-8", abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        raise MessagesError(f"{file.name} is not a .po file in UTF-8: {error}") from error
    catalog = FrenchCatalog(found.header_comment)
    for message in found:
        if not message.id:  # the header
            continue
        if message.pluralizable or message.context or message.fuzzy or not message.string:
            raise MessagesError(
                f"{file.name}:{message.lineno}: an entry is msgid and msgstr, neither empty, "
                f"without context, plural or fuzzy mark: {message.id!r}"
            )
        catalog.add(message.id, message.string, user_comments=message.user_comments)
        catalog[message.id].flags.clear()  # Babel takes "95 % of" for a format
    if found.obsolete:
        raise MessagesError(f"{file.name} has obsolete entries (#~): take them out.")
    written = re.findall(rb"^msgid ", data, flags=re.MULTILINE)
    if len(written) != len(catalog) + 1:
        raise MessagesError(f"{file.name} has a text twice, or no header: keep one of each.")
    return catalog


def formatted(file: Path) -> bytes:
    """The file as Babel writes it."""
    buffer = io.BytesIO()
    write_po(buffer, read(file))
    return buffer.getvalue().rstrip() + b"\n"


def by_file() -> dict[str, dict[str, str]]:
    """English and French of every file, by its name.

    Raises:
        MessagesError: If two files have the same text.
    """
    texts = {
        file.name: {str(entry.id): str(entry.string) for entry in read(file) if entry.id}
        for file in sources()
    }
    first: dict[str, str] = {}
    for name, entries in texts.items():
        for text in entries:
            if text in first:
                raise MessagesError(f"{first[text]} and {name} both have {text!r}: keep one.")
            first[text] = name
    return texts


def french() -> dict[str, str]:
    """English and French of all files."""
    return {text: said for texts in by_file().values() for text, said in texts.items()}


def compiled() -> bytes:
    """The catalog of all files, compiled."""
    catalog = FrenchCatalog()
    for text, said in french().items():
        catalog.add(text, said)
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
