"""The assignments: one folder each, with the names of its original template, calling the rooms.

`open_lab` answers a whole assignment from the records:

    lab = open_lab("lyon-tp")
    lab.run(size="smoke")
    lab.answer("1")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retroprop.labs.notebook import OpenLab

__all__ = ["open_lab"]


def open_lab(
    name: str,
    *,
    db: str | Path = "retroprop.db",
    language: str = "en",
    size: str | None = None,
) -> "OpenLab":
    """Open an assignment with its records, which are made when they do not exist.

    Args:
        name: "lyon-tp", "inf8225-tp1", "ift3395-theorie", "ift3395-devoir3" or "ift6135-devoir1".
        db: The database of the records: a file or a URL.
        language: "en" or "fr".
        size: Which size of the studies to answer from; None for the largest that is recorded.

    Raises:
        UserError: If the name or the language is unknown, or the database cannot be opened.
    """
    from retroprop.labs.notebook import OpenLab  # the templates do without its libraries

    return OpenLab.open(name, db=db, language=language, size=size)
