"""One transaction of a writing connection: kept whole, or rolled back with the reason."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageFailed
from .faults import storage_error

__all__ = ["transaction"]


@contextmanager
def transaction(connection: sqlite3.Connection, file: Path) -> Iterator[None]:
    """Begin, run the block, and commit; roll back where any of it raises.

    Raises:
        DiskFull: there was no room; nothing was kept.
        Locked: another process writes to the file.
        StorageFailed: the device failed, and what is kept is unknown.
        Exception: what else the block raised, with nothing kept.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except Exception as error:
        fault = storage_error(error, file, "commit")
        if connection.in_transaction:
            roll_back(connection, file)
        if fault is not None:
            raise fault from error
        raise


def roll_back(connection: sqlite3.Connection, file: Path) -> None:
    """Roll back; where even that fails, what the file holds is unknown."""
    try:
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StorageFailed(file, "rollback", error) from error
