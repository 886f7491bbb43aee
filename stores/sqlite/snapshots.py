"""The snapshots that queries read: one for all who asked before it began."""

import sqlite3
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, TypeVar

from ..protocols import ReadDb, Snapshot
from ..records import Position
from .read_query import answer, read_position

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
        """
        try:
            position = self._entered(connection, asked)
            return Snapshot(answer(connection, ask, seconds), position)
        except BaseException:
            self.leave(connection)
            raise

    def outside(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which sees all that is committed by now."""
        self.leave(connection)
        return work(connection)

    def leave(self, connection: sqlite3.Connection) -> None:
        """End the snapshot of `connection`, if it has one."""
        self._open.pop(connection, None)
        if connection.in_transaction:
            connection.set_progress_handler(None, 0)
            connection.execute("ROLLBACK")

    def _entered(self, connection: sqlite3.Connection, asked: float) -> Position:
        snapshot, now = self._open.get(connection), monotonic()
        if snapshot is None or asked > snapshot.began or now - snapshot.began > LONGEST:
            self.leave(connection)
            connection.execute("BEGIN")
            snapshot = self._open[connection] = OpenSnapshot(now, read_position(connection))
        return snapshot.position
