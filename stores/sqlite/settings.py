"""The settings of a connection: each is set, and read back, because SQLite ignores what it cannot do in silence."""

import sqlite3
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import StorageFailed

__all__ = ["Settings", "Synchronous", "apply_settings", "memory_settings", "reader_settings", "writer_settings"]

Synchronous: TypeAlias = Literal["FULL", "NORMAL"]
Settings: TypeAlias = dict[str, str | int]
"""The pragmas of a connection, in the order in which they are set, with the values that they read back as."""

BUSY_MILLISECONDS = 5_000
WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""To this a write-ahead log that grew under a long reader is cut back, once it starts over."""
CHECKPOINT_PAGES = 4_000
"""16 MiB: pages that change in every batch are then written to the database once for many batches."""
WRITER_CACHE_KIB = 16_000
READER_CACHE_KIB = 4_000
SYNCHRONOUS_LEVEL: dict[Synchronous, int] = {"FULL": 2, "NORMAL": 1}


def safety_settings() -> Settings:
    """Return what every connection has: nothing in a damaged or hostile schema is trusted."""
    return {"foreign_keys": 1, "trusted_schema": 0, "cell_size_check": 1}


def writer_settings(synchronous: Synchronous) -> Settings:
    """Return what the one writing and checkpointing connection of a file has."""
    return {
        "busy_timeout": BUSY_MILLISECONDS,
        "journal_mode": "wal",
        "synchronous": SYNCHRONOUS_LEVEL[synchronous],
        **safety_settings(),
        "mmap_size": 0,
        "journal_size_limit": WAL_LIMIT_BYTES,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
        "cache_size": -WRITER_CACHE_KIB,
    }


def reader_settings() -> Settings:
    """Return what a read-only connection has: it neither writes nor checkpoints."""
    return {
        "busy_timeout": BUSY_MILLISECONDS,
        "query_only": 1,
        **safety_settings(),
        "mmap_size": 0,
        "wal_autocheckpoint": 0,
        "cache_size": -READER_CACHE_KIB,
    }


def memory_settings() -> Settings:
    """Return what a database in memory has; there is no file to keep safe."""
    return safety_settings()


def apply_settings(connection: sqlite3.Connection, file: Path, settings: Settings) -> None:
    """Set each of `settings` and read it back.

    Raises:
        StorageFailed: SQLite did not take one, as where the file system allows no write-ahead log.
    """
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != value:
            raise StorageFailed(file, f"PRAGMA {name} = {value}", f"it reads back as {actual!r}")
