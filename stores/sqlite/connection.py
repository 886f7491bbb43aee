"""One SQLite connection on a thread of its own, which runs a whole piece of work in one hop.

aiosqlite crosses to its thread once for every statement, and a crossing costs 50 to 400 µs. So a batch, a transaction
or a query is written as one function of a `sqlite3.Connection` and crosses once. This is the only place that touches
aiosqlite's internals (``_tx``, ``_conn``); a test guards them.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import aiosqlite
from anyio import CancelScope

__all__ = ["Connection", "connect"]

T = TypeVar("T")

ROWS_FETCHED_AT_ONCE = 64
STATEMENTS_KEPT_PREPARED = 256


class Connection(aiosqlite.Connection):
    """A connection that runs one piece of work at a time, in the order in which they were asked for."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the connection's thread and return what it returns, or raise what it raises.

        A cancelled caller waits until the work has ended, and then is cancelled: by a cancel scope of anyio or by
        ``Task.cancel``. The work itself is never interrupted.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((done, partial(work, self._conn)))
        cancelled: asyncio.CancelledError | None = None
        with CancelScope(shield=True):
            while not done.done():
                try:
                    await asyncio.wait((done,))
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled from done.exception()
        return done.result()


async def connect(uri: str) -> Connection:
    """Open `uri` (``file:...``) on a new thread; transactions are begun and ended by explicit statements only."""

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, isolation_level=None, cached_statements=STATEMENTS_KEPT_PREPARED, check_same_thread=True
        )

    connection = Connection(connector, ROWS_FETCHED_AT_ONCE)
    await connection
    return connection
