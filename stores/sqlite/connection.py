"""One SQLite connection on a thread of its own, which takes whole pieces of work.

aiosqlite crosses to its thread once for every statement, and a crossing costs 50 to 400 µs. So a batch, a transaction
or a query is written as one function of a `sqlite3.Connection` and crosses once. This is the only place that touches
aiosqlite's internals (``_tx``, ``_conn``, ``_thread``); a test guards them.
"""

import sqlite3
from collections.abc import Callable
from functools import partial

import aiosqlite

__all__ = ["Connection", "connect"]

ROWS_FETCHED_AT_ONCE = 64
STATEMENTS_KEPT_PREPARED = 256


class Connection(aiosqlite.Connection):
    """A connection that runs one piece of work at a time, in the order in which they were started."""

    def start(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Have `work` run on the connection's thread, and wait for nothing; `work` sees to its errors itself.

        Work that was started before ``close`` is run before the connection closes.
        """
        self._tx.put_nowait((None, partial(work, self._conn)))

    def let_process_end(self) -> None:
        """Keep the thread from holding up a process that must end, as after a failed sync, before it was closed.

        What it was writing then is kept whole or not at all, as after a kill.
        """
        self._thread.daemon = True

    def join(self) -> None:
        """Wait, at most for moments, until the thread of a connection that could not be opened is gone."""
        self._thread.join()


async def connect(uri: str) -> Connection:
    """Open `uri` (``file:...``) on a new thread; transactions are begun and ended by explicit statements only."""

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=STATEMENTS_KEPT_PREPARED)

    connection = Connection(connector, ROWS_FETCHED_AT_ONCE)
    connection.let_process_end()
    try:
        await connection
    except BaseException:
        # aiosqlite has told its thread to stop, and waits for it no more: it would outlive the event loop.
        connection.join()
        raise
    return connection
