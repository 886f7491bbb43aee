"""Many rows in few statements.

`sqlite3` drops and retakes the interpreter's lock at each row of ``executemany``, and a busy event loop makes every
retaking a wait. One statement of many rows is one such hand-over.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain, islice
from typing import TypeAlias

__all__ = ["BulkInsert", "BulkStatement", "Row"]

Row: TypeAlias = tuple[str | int | bytes | None, ...]

CHUNKS = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Rows in a statement, largest first. Powers of two write any number of rows in few statements, which stay prepared;
512 rows of ten columns stay well within the 32,766 parameters that SQLite allows."""


class BulkStatement:
    """``<head> VALUES (...), (...) <tail>``, prepared for a few numbers of rows."""

    def __init__(self, head: str, columns: int, tail: str = "") -> None:
        row = f"({', '.join('?' * columns)})"
        self.statements = [(size, f"{head} VALUES {', '.join([row] * size)} {tail}") for size in CHUNKS]

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Run it over `rows`, in order."""
        values = chain.from_iterable(rows)
        columns = len(rows[0]) if rows else 0
        left = len(rows)
        for size, statement in self.statements:
            while left >= size:
                connection.execute(statement, tuple(islice(values, size * columns)))
                left -= size


class BulkInsert(BulkStatement):
    """``INSERT INTO <table> VALUES (...), (...) <tail>``."""

    def __init__(self, table: str, columns: int, tail: str = "") -> None:
        super().__init__(f"INSERT INTO {table}", columns, tail)
