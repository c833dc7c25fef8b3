"""Addresses of databases: what is one, and what of it may be shown.

An address may hold a password, and a mistyped one holds it where nobody looks for it. So an address
is shown by its parts, once all of them were understood, and without its secrets; of a text that
looks like an address and is none, nothing is shown.
"""

import os
import re
import shlex
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from retroprop.errors import UserError

HIDDEN = "***"
"""What stands for a secret."""
LONGEST = 4_096
"""Characters of an address, as of a path of Linux."""

_FORMS = (
    "give a file (results.db; ./NAME where its name has a : or an @) or a URL such as "
    "postgresql+psycopg://user@host/name; if its password has an @, write it as %40."
)
NO_ADDRESS = (
    f"--db is not a database address, and is not shown, as it may hold a password; {_FORMS}"
)

# What an address may be mistyped as: without its slashes or its end, or as libpq writes it.
_SECRET = re.compile(r"//.*:|://|[:;].*@|(pass|pwd)\w*\s*=", re.I)
_LIKE_AN_ADDRESS = re.compile(
    rf"{_SECRET.pattern}|@|^[a-z]\w*(\+\w+)?:|(host|user|dbname)\w*\s*=", re.I
)

_FILE_URL = re.compile(r"sqlite(\+\w+)?://(/.*)?", re.S)
_SERVER_URL = re.compile(
    r"[a-z]\w*(\+\w+)?://"
    r"([\w.~$%+-]*(:[^@]*)?@)?"  # user:password
    r"([\w.~%-]*|\[[\w:.%]*\])(:\d+(?=/))?"  # host:port; a password that lost its end is no port
    r"(/[\w.~$%+ -]*)?"
    r"(\?[^?@]*)?"
)

# The settings in a URL whose values are no secret.
_PLAIN = {"host", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name"}


def parse_address(address: str | Path | URL) -> URL:
    """The URL of a database, from its address as somebody typed it.

    Raises:
        UserError: If it is none.
    """
    if isinstance(address, URL):
        return address
    text = str(address)
    if not text.strip():
        raise UserError(f"{text!r} is not a database address; {_FORMS}")
    if "\0" in text or len(text) > LONGEST:
        raise UserError(NO_ADDRESS)
    if isinstance(address, Path) or _is_path(text) or not _LIKE_AN_ADDRESS.search(text):
        return URL.create("sqlite", database=text)
    url = _url(text)
    if url is None:
        raise UserError(NO_ADDRESS)
    if url.get_backend_name() == "sqlite" and url.query:
        raise UserError("--db names a SQLite file with settings after a ?; name the file itself.")
    return url


def shown(url: URL) -> str:
    """A URL without its password and whatever else may be secret in it.

    >>> shown(make_url("postgresql://me:s%40fe@host/name?password=x&port=1"))
    'postgresql://me:***@host/name?password=***&port=1'
    """
    settings = "&".join(
        f"{quote(name)}={quote(value) if name in _PLAIN else HIDDEN}"
        for name, values in url.normalized_query.items()
        for value in values
    )
    text = url.set(query={}).render_as_string(hide_password=True)
    return f"{text}?{settings}" if settings else text


def secrets(url: URL) -> list[str]:
    """What `shown` leaves out."""
    query = url.normalized_query
    found = [value for name in query.keys() - _PLAIN for value in query[name]]
    return [secret for secret in (url.password, *found) if secret]


def without_passwords(command: str) -> str:
    """A command of the shell, where of each address only that is left which may be shown.

    >>> without_passwords("retroprop run x --db='postgresql://me:a b@host/name' --folder a@b")
    "retroprop run x '--db=postgresql://me:***@host/name' --folder a@b"
    >>> without_passwords("python lab.py 'host=a password=b'")
    "python lab.py '***'"
    """
    try:
        words = shlex.split(command)
    except ValueError:  # cut in the middle of a quotation
        return HIDDEN
    return shlex.join(map(_shown_word, words))


def _shown_word(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if _is_path(value) or not _SECRET.search(value[:LONGEST]):
        return word
    url = _url(value)
    return f"{option}{equals}{HIDDEN if url is None else shown(url)}"


def _is_path(text: str) -> bool:
    """Whether a text can only be a path, whatever characters it has."""
    return text.startswith(("./", "../")) or (os.path.isabs(text) and not text.startswith("//"))


def _url(text: str) -> URL | None:
    """The URL that a text is, if all its parts are understood."""
    pattern = _FILE_URL if text.startswith("sqlite") else _SERVER_URL
    if len(text) > LONGEST or not pattern.fullmatch(text):
        return None
    try:
        url = make_url(text)
        with suppress(NoSuchModuleError):  # said when it is opened
            url.get_dialect()
    except (ArgumentError, ValueError):
        return None
    return url
