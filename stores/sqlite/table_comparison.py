"""Comparing the tables of two databases row by row, with nothing of them kept in memory."""

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Comparison", "Difference", "tables_of"]

TABLES = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') ORDER BY name"
COLUMNS = "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1"
OURS = ("twofold_", "sqlite_schema", "sqlite_stat")
SHOWN = 60
"""How many characters of a value a difference shows."""


class Difference(NamedTuple):
    """A row that is in one of two tables only, or has other values in the other one."""

    row: str
    """What its key is: the values of the primary key, or of the whole row where there is none."""
    what: str


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables that projections own; those that SQLite keeps behind a virtual table are not."""
    return [name for (name,) in connection.execute(TABLES) if not name.startswith(OURS)]


class Comparison:
    """One table as it is `kept` and as it was `rebuilt`, both read in the order of the primary key.

    Bytes decide over the order of text, as SQLite's collation BINARY and Python have it. Where the primary key has
    that collation, as by default, nothing is sorted: SQLite walks its index.
    """

    def __init__(self, kept: sqlite3.Connection, rebuilt: sqlite3.Connection, table: str) -> None:
        columns = rebuilt.execute(COLUMNS, (table,)).fetchall()
        keyed = sorted((pk, index) for index, (_, pk) in enumerate(columns) if pk)
        self.rows = 0
        """How many rows of the kept table were compared so far."""
        self._names = [name for name, _ in columns]
        self._key = [index for _, index in keyed] or list(range(len(columns)))
        others = [index for index in range(len(columns)) if index not in self._key]
        names = [quoted(name) for name in self._names]
        terms = ", ".join(f"{names[index]} COLLATE BINARY" for index in [*self._key, *others])
        select = f"SELECT {', '.join(names)} FROM main.{quoted(table)} ORDER BY {terms}"  # noqa: S608 - quoted names
        self._kept = kept.execute(select)
        self._rebuilt = rebuilt.execute(select)

    def differences(self) -> Iterator[Difference]:
        """Yield each row that differs."""
        kept, rebuilt = self._next_kept(), self._next_rebuilt()
        while kept is not None or rebuilt is not None:
            if kept == rebuilt:
                kept, rebuilt = self._next_kept(), self._next_rebuilt()
            elif kept is not None and (rebuilt is None or self._rank(kept) < self._rank(rebuilt)):
                yield Difference(self._shown(kept), "no event put the row there")
                kept = self._next_kept()
            elif rebuilt is not None and (kept is None or self._rank(rebuilt) < self._rank(kept)):
                yield Difference(self._shown(rebuilt), "the row is missing")
                rebuilt = self._next_rebuilt()
            elif kept is not None and rebuilt is not None:
                yield Difference(self._shown(kept), self._edited(kept, rebuilt))
                kept, rebuilt = self._next_kept(), self._next_rebuilt()

    def _next_kept(self) -> tuple[Any, ...] | None:
        row = next(self._kept, None)
        self.rows += row is not None
        return row

    def _next_rebuilt(self) -> tuple[Any, ...] | None:
        return next(self._rebuilt, None)

    def _rank(self, row: tuple[Any, ...]) -> list[tuple[int, Any]]:
        return [rank(row[index]) for index in self._key]

    def _shown(self, row: tuple[Any, ...]) -> str:
        return ", ".join(f"{self._names[index]} = {shown(row[index])}" for index in self._key)

    def _edited(self, kept: tuple[Any, ...], rebuilt: tuple[Any, ...]) -> str:
        return ", ".join(
            f"{name} is {shown(one)}, and the events make it {shown(other)}"
            for name, one, other in zip(self._names, kept, rebuilt, strict=True)
            if one != other
        )


def rank(value: Any) -> tuple[int, Any]:
    """Return what orders values as SQLite does: nothing, then numbers, then text, then bytes."""
    match value:
        case None:
            return 0, 0
        case str():
            return 2, value
        case bytes():
            return 3, value
        case _:
            return 1, value


def shown(value: Any) -> str:
    """Return `value` as a person can read it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def quoted(name: str) -> str:
    """Return `name` as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
