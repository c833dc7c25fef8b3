"""Whether a row of a database still holds what was written into it.

SQLite's own check finds a damaged structure, and neither a number that has become another one nor a
row that somebody deleted. So each row keeps a checksum (CRC-32) of its values and of how many rows
belong to it. It is no signature: whoever means to change a row can.
"""

import json
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

SEAL = "row_crc"


def seal_column() -> sa.Column[int]:
    """The column of a table that keeps its rows' checksums."""
    return sa.Column(SEAL, sa.BigInteger)


class DamagedRowError(Exception):
    """A row that does not hold what was written; the text says of which table."""


@dataclass(frozen=True)
class SealedTable:
    """A table whose rows have a seal.

    Attributes:
        table: The table.
        parts: The columns of other tables that name a row of this one: its seal counts theirs.
    """

    table: sa.Table
    parts: tuple[sa.Column[Any], ...] = ()

    @property
    def c(self) -> ReadOnlyColumnCollection[str, sa.Column[Any]]:
        """All columns by their names, as SQLAlchemy's tables have them."""
        return self.table.c

    @property
    def columns(self) -> list[sa.Column[Any]]:
        """All columns but the seal."""
        return [column for column in self.table.c if column.name != SEAL]

    @property
    def whole(self) -> sa.Select[Any]:
        """All values of a row (JSON as its text), how many rows belong to it, and its seal."""
        values = [sa.cast(c, sa.Text) if _is_json(c) else c for c in self.columns]
        (key,) = self.table.primary_key if self.parts else (None,)
        counts = [
            sa.select(sa.func.count()).where(part == key).correlate(self.table).scalar_subquery()
            for part in self.parts
        ]
        return sa.select(*values, *counts, self.table.c[SEAL])

    def checksum(self) -> Callable[[Sequence[Any]], int]:
        """What makes the checksum of the values and counts of a row, in the order of `whole`.

        Raises (the function that it returns):
            TypeError, struct.error: If a value is of no type that is ever written.
        """
        if not all(isinstance(column.type, sa.Integer | sa.Float) for column in self.columns):
            return lambda values: zlib.crc32(json.dumps(list(values)).encode())
        pack = struct.Struct(f"<{len(self.columns)}d").pack
        return lambda values: zlib.crc32(
            pack(*[math.nan if value is None else value for value in values])
        )

    def seal(self, connection: Connection, *conditions: sa.ColumnElement[bool]) -> None:
        """Write the checksums of some rows, as they are now in this transaction."""
        keys = [column.name for column in self.table.primary_key]
        places = [list(self.table.c.keys()).index(name) for name in keys]
        checksum = self.checksum()
        rows = connection.execute(
            self.whole.where(*conditions).with_for_update(of=self.table)
        ).all()
        if rows:
            connection.execute(
                self.table.update()
                .where(*(self.table.c[name] == sa.bindparam(f"of_{name}") for name in keys))
                .values({SEAL: sa.bindparam("seal")}),
                [
                    {f"of_{name}": row[at] for name, at in zip(keys, places, strict=True)}
                    | {"seal": checksum(row[:-1])}
                    for row in rows
                ],
            )

    def adopt(self, connection: Connection) -> None:
        """Seal all rows of an older version, which had no seal.

        Raises:
            DamagedRowError: If a value is of no type that was ever written.
        """
        for row in connection.execute(self.whole):
            for column, value in zip(self.columns, row, strict=False):
                if not _is_possible(column, value):
                    raise DamagedRowError(f"{column.name} of a row of {self.table.name} is none")
        self.seal(connection)

    def read(self, connection: Connection, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
        """The rows of a query that is made from `whole`, as dictionaries; JSON decoded.

        The same JSON, as the settings of models that differ by their seed, is the same object.

        Raises:
            DamagedRowError: If one is not what was written, or rows that belong to it are missing.
        """
        names = [column.name for column in self.columns]
        texts = [column.name for column in self.columns if _is_json(column)]
        decoded: dict[str, Any] = {}
        for row in self.rows(connection, query):
            values = dict(zip(names, row, strict=False))
            for name in texts:
                text = values[name]
                if text is not None:
                    if text not in decoded:
                        decoded[text] = json.loads(text)
                    values[name] = decoded[text]
            yield values

    def rows(self, connection: Connection, query: sa.Select[Any]) -> Iterator[Any]:
        """The same as they are: the values of `columns`, JSON as its text, counts and seal.

        Raises:
            DamagedRowError: If one is not what was written, or rows that belong to it are missing.
        """
        checksum, n = self.checksum(), len(self.columns)
        for row in connection.execute(query):
            try:
                # Until the counts were sealed too, a seal was of the values alone.
                intact = checksum(row[:-1]) == row[-1] or checksum(row[:n]) == row[-1]
            except (TypeError, ValueError, struct.error):
                intact = False
            if not intact:
                missing = "".join(
                    f", or rows of {part.table.name} are missing" for part in self.parts
                )
                raise DamagedRowError(
                    f"a row of {self.table.name} is not what was written into it{missing}"
                )
            yield row


def _is_possible(column: sa.Column[Any], value: Any) -> bool:
    """Whether a value can have been written into a column; JSON is given as its text."""
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, sa.Integer | sa.Float):
        return isinstance(value, int | float) and math.isfinite(value)
    if not _is_json(column):
        return isinstance(value, str)
    try:
        return isinstance(json.loads(value), list if column.nullable else dict)
    except (TypeError, ValueError, RecursionError):
        return False


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)
