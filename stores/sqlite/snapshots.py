"""The snapshots that queries read: one for all who asked before it began."""

import sqlite3
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, TypeVar

from ..errors import StatementFailed
from ..protocols import ReadDb, Snapshot
from ..records import Position
from .read_query import answer, name_of, read_position

__all__ = ["Snapshots"]

T = TypeVar("T")

LONGEST = 0.05
"""Seconds in which a snapshot takes in one query after the other. While it is open, no checkpoint gets past it."""


class OpenSnapshot(NamedTuple):
    """A read transaction, which sees all that was committed before it began."""

    began: float
    position: Position


class Snapshots:
    """The read transactions of a database's connections: one for each at most, and none while a connection rests.

    To begin one, to read its position and to end it takes as long as a short query. So those who wait for the same
    connection share one: none sees less than what was committed before it asked, for it asked before the transaction
    began. All methods run on the connection's thread.
    """

    def __init__(self) -> None:
        self._open: dict[sqlite3.Connection, OpenSnapshot] = {}

    def ask(
        self, connection: sqlite3.Connection, ask: Callable[[ReadDb], Awaitable[object]], seconds: float, asked: float
    ) -> Snapshot:
        """Run `ask` in a snapshot that began after the monotonic time `asked`, and return its result and the position.

        It may take so many `seconds`.

        Raises:
            StatementFailed: SQLite ended the transaction, as it does where it finds no room for a temporary file.
            QueryTimeout, ForeignAwait, Exception: as `answer`.
        """
        try:
            position = self._entered(connection, asked)
            value = answer(connection, ask, seconds)
            if not connection.in_transaction:  # the query went on as if nothing had been, and saw two moments
                raise StatementFailed("BEGIN", "SQLite rolled back what it read; ask again", name_of(ask))
            return Snapshot(value, position)
        except BaseException:
            self.leave(connection)
            raise

    def outside(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which sees all that is committed by now."""
        self.leave(connection)
        return work(connection)

    def leave(self, connection: sqlite3.Connection) -> None:
        """End the snapshot of `connection`, if it has one."""
        if self._open.pop(connection, None) is not None:
            connection.set_progress_handler(None, 0)
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def _entered(self, connection: sqlite3.Connection, asked: float) -> Position:
        snapshot, now = self._open.get(connection), monotonic()
        if snapshot is not None and connection.in_transaction and asked <= snapshot.began > now - LONGEST:
            return snapshot.position
        self.leave(connection)
        connection.execute("BEGIN")
        position = read_position(connection)
        self._open[connection] = OpenSnapshot(now, position)
        return position
