"""The log and both databases with nothing around them: one descriptor, two connections, the calls that write.

The frames, the schema files, the pragmas and the projections' tables are Twofold's own, so that the bytes and rows are.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from twofold.stores.records import CommandRecord, Offset, Position, ProjectionSchema
from twofold.stores.segments.frame import Place, encode_batch, encode_body
from twofold.stores.sqlite.migrations import READ_DB, WRITE_DB, Schema, migrate
from twofold.stores.sqlite.projecting import create_projections
from twofold.stores.sqlite.settings import Synchronous, apply_settings, writer_settings

__all__ = ["BareLog", "BareReadDb", "BareWriteDb", "Row", "connect"]

Row: TypeAlias = tuple[Any, ...]

SEGMENT_ID = 1
EVENT_COLUMNS, OUTCOME_COLUMNS = 10, 10


class BareLog:
    """A file that batches are appended to, each synced."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._place = Place(0, 1, 1, 0)
        self.size = 0

    def frame(self, records: Sequence[CommandRecord]) -> bytes:
        """Return the bytes of the next batch."""
        data, self._place = encode_batch(SEGMENT_ID, self._place, len(records), encode_body(records))
        return data

    def append(self, frame: bytes) -> None:
        """Write the bytes of the next batch and sync them."""
        written = os.pwrite(self._descriptor, frame, self.size)
        if written != len(frame):
            raise OSError(f"the log took {written} of {len(frame)} bytes")
        os.fdatasync(self._descriptor)
        self.size += len(frame)

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)


class BareWriteDb:
    """The write database."""

    def __init__(self, file: Path) -> None:
        self._connection = connect(file, WRITE_DB, "FULL")

    def commit(self, events: Iterable[Row], states: Iterable[Row], outcomes: Iterable[Row], cursor: Offset) -> None:
        """Write the rows of a batch and move the handler's cursor, in one synced transaction."""
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.execute(
            "INSERT INTO cursors VALUES ('handler', 0, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (cursor,)
        )
        run.executemany(f"INSERT INTO events VALUES ({places(EVENT_COLUMNS)})", events)
        run.executemany(
            "INSERT INTO states VALUES (?, ?, ?, ?) ON CONFLICT (stream) DO UPDATE SET "
            "version = excluded.version, fingerprint = excluded.fingerprint, data = excluded.data",
            states,
        )
        run.executemany(f"INSERT INTO outcomes VALUES ({places(OUTCOME_COLUMNS)})", outcomes)
        run.execute("COMMIT")

    def close(self) -> None:
        """Checkpoint and release the file."""
        self._connection.close()


class BareReadDb:
    """The read database."""

    def __init__(self, file: Path, projections: Sequence[ProjectionSchema]) -> None:
        self._connection = connect(file, READ_DB, "NORMAL")
        create_projections(self._connection, file, projections)

    def apply(self, statements: Mapping[str, list[Row]], position: Position) -> None:
        """Run each statement with all of its rows and move the cursor, in one transaction."""
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.execute("UPDATE twofold_cursor SET position = ?", (position,))
        for statement, rows in statements.items():
            run.executemany(statement, rows)
        run.execute("COMMIT")

    def close(self) -> None:
        """Checkpoint and release the file."""
        self._connection.close()


def connect(file: Path, schema: Schema, synchronous: Synchronous) -> sqlite3.Connection:
    """Create the database `file`; any one thread at a time may use it."""
    connection = sqlite3.connect(file, isolation_level=None, cached_statements=256, check_same_thread=False)
    apply_settings(connection, file, writer_settings(synchronous))
    migrate(connection, schema, file)
    return connection


def places(columns: int) -> str:
    """Return the placeholders of a row."""
    return ", ".join("?" * columns)
