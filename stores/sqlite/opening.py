"""Opening a database so that what it shows is what the disk holds, and what it says is kept is on the disk.

One connection per database writes and checkpoints, on one thread; all others are read-only and closed before it:
SQLite up to 3.51.2 can lose data when two connections write or checkpoint at once (the WAL-reset bug,
https://www.sqlite.org/wal.html).
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from anyio import CancelScope

from ..errors import NoSuchStore, StorageFailed
from ..files import Files, failing
from .connection import Connection, connect
from .faults import opening_error
from .migrations import Schema, check_readable, migrate
from .settings import Synchronous, apply_settings, memory_settings, reader_settings, writer_settings
from .workers import Workers

__all__ = ["MEMORY", "open_memory", "open_reader", "open_writer"]

MEMORY = Path(":memory:")
"""What a database without a file is called in errors."""


async def open_writer(file: Path, schema: Schema, synchronous: Synchronous) -> Connection:
    """Open `file` to write, create it where it is missing, and bring it to the newest version of `schema`.

    The caller vouches that no other connection of this process has the file open.

    Raises:
        Corruption: it is damaged, or no database of this kind.
        SchemaTooNew: a newer version of Twofold wrote it.
        Locked: another process is writing to it.
        DiskFull, StorageFailed: the device has no room, or failed.
    """

    def prepare(connection: sqlite3.Connection) -> None:
        apply_settings(connection, file, writer_settings(synchronous))
        migrate(connection, schema, file)
        if is_new:
            with failing(file.parent, "fsync"):  # an error that SQLite does not report
                Files().sync_folder(file.parent)

    is_new = not file.exists()
    settle(file)
    return await open_prepared(file_uri(file, "rwc"), file, schema, prepare)


async def open_reader(file: Path, schema: Schema) -> Connection:
    """Open `file` read-only, beside its writer or without one. It must exist.

    Raises:
        NoSuchStore: there is no such file.
        SchemaTooOld: an older version of Twofold wrote it.
        Corruption, SchemaTooNew, StorageFailed: as `open_writer`.
    """
    if not file.exists():
        raise NoSuchStore(file)

    def prepare(connection: sqlite3.Connection) -> None:
        apply_settings(connection, file, reader_settings())
        check_readable(connection, schema, file)

    return await open_prepared(file_uri(file, "ro"), file, schema, prepare)


async def open_memory(schema: Schema) -> Connection:
    """Open a database that lives in memory, only as long as this connection."""

    def prepare(connection: sqlite3.Connection) -> None:
        apply_settings(connection, MEMORY, memory_settings())
        migrate(connection, schema, MEMORY)

    return await open_prepared("file::memory:", MEMORY, schema, prepare)


async def open_prepared(
    uri: str, file: Path, schema: Schema, prepare: Callable[[sqlite3.Connection], None]
) -> Connection:
    """Connect and run `prepare` on the connection; where either fails, nothing stays open."""
    connection: Connection | None = None
    try:
        connection = await connect(uri)
        await Workers([connection]).run(prepare)
    except BaseException as error:
        if connection is not None:
            with CancelScope(shield=True):
                await connection.close()
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise opening_error(error, file, schema.way_out) from error
        raise
    return connection


def settle(file: Path) -> None:
    """Write what a killed process left unwritten of `file` and its ``-wal``, then drop both from the page cache.

    After a failed sync the cache may show a commit that the disk does not hold, and say of it that nothing is left to
    write. What is read from here on is the disk's. Never call it while this process has the file open: closing a
    descriptor of a file drops all the locks of the process on it, SQLite's among them.

    Raises:
        StorageFailed: the device failed.
    """
    for part in (file, file.with_name(file.name + "-wal")):
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise StorageFailed(part, "fdatasync", error) from error
        finally:
            os.close(descriptor)


def file_uri(file: Path, mode: str) -> str:
    """Return the URI by which SQLite opens `file`."""
    return f"file:{quote(str(file.absolute()))}?mode={mode}"
