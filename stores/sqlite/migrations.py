"""Schemas that move forward only: numbered SQL files, each run in one transaction with its number.

``application_id`` says which of our databases a file is, ``user_version`` the number of the last migration it saw.
"""

import sqlite3
from pathlib import Path

import structlog
from msgspec import Struct

from ..errors import Corruption, SchemaTooNew, SchemaTooOld

__all__ = ["EFFECTS_DB", "READ_DB", "WRITE_DB", "Schema", "check_readable", "check_schema", "migrate"]

log = structlog.get_logger("twofold")


class Schema(Struct, frozen=True):
    """The tables of one kind of database: ``<name>_1.sql``, ``<name>_2.sql`` ... beside this module."""

    name: str
    application_id: int
    what: str
    way_out: str
    """What to do where the file is damaged."""
    is_derived: bool = False
    """Whether all that is in it can be made anew, which a start does where damage was met."""
    folder: Path = Path(__file__).parent

    def migration(self, number: int) -> Path:
        """Return the file of migration `number`."""
        return self.folder / f"{self.name}_{number}.sql"

    def version(self) -> int:
        """Return the number of the newest migration; they are numbered from 1 without gaps."""
        number = 0
        while self.migration(number + 1).exists():
            number += 1
        return number


WRITE_DB = Schema(
    name="write_db",
    application_id=int.from_bytes(b"TwfW", "big"),
    what="write database",
    way_out="Restore a backup, or recover a copy of it with the .recover command of sqlite3.",
)
READ_DB = Schema(
    name="read_db",
    application_id=int.from_bytes(b"TwfR", "big"),
    what="read database",
    way_out="Start again: it is filled anew from the events.",
    is_derived=True,
)
EFFECTS_DB = Schema(
    name="effects_db",
    application_id=int.from_bytes(b"TwfE", "big"),
    what="effect ledger",
    way_out="Restore a backup, or recover a copy of it with the .recover command of sqlite3. "
    "Do not delete it: it alone knows what was sent.",
)


def check_schema(connection: sqlite3.Connection, schema: Schema, file: Path) -> int:
    """Return the number of the last migration that `file` saw, or 0 where it is empty.

    Raises:
        SchemaTooNew: a newer version of Twofold wrote it.
        Corruption: it is some other database.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    is_new = (found, application_id, objects) == (0, 0, 0)
    if not is_new and application_id != schema.application_id:
        raise Corruption(
            file,
            None,
            f"it is no {schema.what} of Twofold (application_id {application_id:#x}, not {schema.application_id:#x})",
            f"Check the path. {schema.way_out}",
        )
    if found > schema.version():
        raise SchemaTooNew(file, found, schema.version())
    return int(found)


def check_readable(connection: sqlite3.Connection, schema: Schema, file: Path) -> None:
    """Check that `file` can be read as it stands.

    Raises:
        SchemaTooOld: an older version of Twofold wrote it, and nothing has brought it on since.
        SchemaTooNew, Corruption: as `check_schema`.
    """
    found = check_schema(connection, schema, file)
    if 0 < found < schema.version():
        raise SchemaTooOld(file, found, schema.version())


def migrate(connection: sqlite3.Connection, schema: Schema, file: Path) -> None:
    """Bring `file` to the newest version of `schema`, one transaction a migration.

    An older file with much in it can take its time; so each step is told before it begins.
    """
    found = check_schema(connection, schema, file)
    for number in range(found + 1, schema.version() + 1):
        if found:
            log.info("database moves to a newer schema", file=str(file), becomes=number)
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{schema.migration(number).read_text()}\n"
            f"PRAGMA application_id = {schema.application_id};\nPRAGMA user_version = {number};\nCOMMIT;"
        )
