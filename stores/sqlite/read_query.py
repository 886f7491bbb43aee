"""A query's way through the read database: one thread, a limit on its time, and no way to write."""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import ForeignAwait, QueryTimeout, StatementFailed
from ..protocols import ReadDb, SqlValue
from ..records import check_bindable
from .faults import is_about_the_file, is_interrupt
from .first_word import first_word

__all__ = ["answer", "name_of", "read_position"]

Rows = TypeVar("Rows")

READS = frozenset({"SELECT", "WITH", "VALUES", "EXPLAIN"})
NO_LOOP = ("no running event loop", "not in async context", "any asynchronous event loop")
"""What asyncio and older and newer versions of anyio say where they find none, as on a database thread."""
STEPS_BETWEEN_LOOKS = 4_000_000
"""Steps of SQLite's virtual machine from one look at the clock to the next: some 30 ms, or 300 on slow machines.
A look takes the interpreter's lock from the event loop: every 50,000 steps, a long query cost commands a third."""


class SnapshotDb:
    """Implements `ReadDb` on the connection's thread: its methods are awaited, and never wait."""

    def __init__(self, connection: sqlite3.Connection, query: str, seconds: float) -> None:
        self._connection = connection
        self._query = query
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    async def rows(self, sql: str, *parameters: SqlValue) -> list[tuple[SqlValue, ...]]:
        """Return all rows of a SELECT."""
        return self._fetch(sql, parameters, sqlite3.Cursor.fetchall)

    async def row(self, sql: str, *parameters: SqlValue) -> tuple[SqlValue, ...] | None:
        """Return the first row of a SELECT, or ``None``."""
        row: tuple[SqlValue, ...] | None = self._fetch(sql, parameters, sqlite3.Cursor.fetchone)
        return row

    async def value(self, sql: str, *parameters: SqlValue) -> SqlValue:
        """Return the first column of the first row of a SELECT, or ``None``."""
        row = self._fetch(sql, parameters, sqlite3.Cursor.fetchone)
        return None if row is None else row[0]

    def is_late(self) -> bool:
        """Return whether the query's time is over."""
        return time.monotonic() > self._deadline

    def _fetch(self, sql: str, parameters: tuple[SqlValue, ...], fetch: Callable[[sqlite3.Cursor], Rows]) -> Rows:
        if self.is_late():
            raise QueryTimeout(self._query, self._seconds)
        if first_word(sql) not in READS:
            what = "it only reads, so it begins with SELECT, WITH, VALUES or EXPLAIN"
            raise StatementFailed(sql, what, self._query)
        try:
            check_bindable(parameters)
            cursor = self._connection.execute(sql, parameters)
            try:
                return fetch(cursor)
            finally:
                cursor.close()
        except Exception as error:
            if is_interrupt(error):
                raise QueryTimeout(self._query, self._seconds) from error
            if is_about_the_file(error):
                raise
            raise StatementFailed(sql, error, self._query) from error


def read_position(connection: sqlite3.Connection) -> int:
    """Return the position of the newest event that was applied, or 0."""
    (position,) = connection.execute("SELECT position FROM twofold_cursor").fetchone()
    return int(position)


def answer(connection: sqlite3.Connection, ask: Callable[[ReadDb], Awaitable[object]], seconds: float) -> object:
    """Run `ask` in the open transaction, and return its result; what watches its time stays with the connection.

    Raises:
        QueryTimeout: it took more than `seconds`.
        StatementFailed, ForeignAwait: it asked for what it cannot have.
        Exception: what its own code raised.
    """
    db = SnapshotDb(connection, name_of(ask), seconds)
    connection.set_progress_handler(db.is_late, STEPS_BETWEEN_LOOKS)
    return drive(ask, db)


def drive(ask: Callable[[ReadDb], Awaitable[object]], db: ReadDb) -> object:
    """Run the coroutine of `ask` to its end, here and now: a `ReadDb` answers at once, and nothing else can."""
    steps = ask(db).__await__()
    try:
        awaited = next(steps)
    except StopIteration as end:
        return end.value
    except RuntimeError as error:
        if not any(text in str(error) for text in NO_LOOP):
            raise
        raise ForeignAwait(name_of(ask), error) from error
    steps.close()
    raise ForeignAwait(name_of(ask), awaited)


def name_of(ask: Callable[[ReadDb], Awaitable[object]]) -> str:
    """Return how an error calls a query."""
    return getattr(ask, "__qualname__", repr(ask))
