"""A transaction whose failures say whether the file or the values are at fault."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import CommitRefused, StoreError
from .transactions import transaction

__all__ = ["change"]


@contextmanager
def change(connection: sqlite3.Connection, file: Path) -> Iterator[None]:
    """Run the block in one transaction, kept whole or not at all.

    Raises:
        DiskFull, Locked, StorageFailed: as `transaction`.
        StoreError: what the block raised of that kind.
        CommitRefused: a value cannot be stored, or a constraint forbids it.
    """
    try:
        with transaction(connection, file):
            yield
    except (StoreError, MemoryError):
        raise
    except Exception as error:
        raise CommitRefused(error) from error
