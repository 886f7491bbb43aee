"""Many rows in few statements.

`sqlite3` drops and retakes the interpreter's lock at each row of ``executemany``, and a busy event loop makes every
retaking a wait. One statement of many rows is one such hand-over.
"""

import sqlite3
from collections.abc import Iterable
from itertools import chain, islice
from typing import TypeAlias

__all__ = ["BulkInsert", "BulkStatement", "Row"]

Row: TypeAlias = tuple[str | int | bytes | None, ...]

CHUNKS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows in a statement, largest first. Powers of two write any number of rows in few statements, which stay prepared.
What 128 rows of ten columns bind is 72 KB, which stays in the processor's cache from one statement to the next: with
512 a command of the shop misses the second level 80 times more, and that is 2 % of its time."""


class BulkStatement:
    """``<head> VALUES (...), (...) <tail>``, prepared for a few numbers of rows."""

    def __init__(self, head: str, columns: int, tail: str = "") -> None:
        self.columns = columns
        row = f"({', '.join('?' * columns)})"
        self.statements = [(size, f"{head} VALUES {', '.join([row] * size)} {tail}") for size in CHUNKS]

    def run(self, connection: sqlite3.Connection, rows: Iterable[Row], count: int) -> None:
        """Run it over `rows`, of which there are `count`, in order, and take each of them only when it is bound."""
        values = chain.from_iterable(rows)
        left = count
        for size, statement in self.statements:
            while left >= size:
                connection.execute(statement, tuple(islice(values, size * self.columns)))
                left -= size


class BulkInsert(BulkStatement):
    """``INSERT OR FAIL INTO <table> VALUES (...), (...) <tail>``; where it fails, the transaction is to be rolled back.

    A plain ``INSERT`` of many rows takes back those before the one that fails. For that SQLite copies each page that it
    is about to change into a journal of the statement, and past 64 KiB that journal is a file
    (https://www.sqlite.org/tempfiles.html#statement_journal_files). With a `tail` that updates it does so all the same.
    """

    def __init__(self, table: str, columns: int, tail: str = "") -> None:
        super().__init__(f"INSERT OR FAIL INTO {table}", columns, tail)
