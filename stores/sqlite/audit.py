"""Reading a database beside its process, for tools: as it stands, however damaged, and nothing is changed.

Everything here works on a plain `sqlite3.Connection`, on the thread of whoever reads. Tables are read in pages, each
in a read transaction of its own, so that a long reading does not keep the write-ahead log of a running process from
starting over. Damage comes out as `sqlite3.Error` where SQLite finds it, and as `Malformed` where a row was read that
nobody can have written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..errors import Corruption, NoSuchStore
from .migrations import Schema, check_readable, migrate
from .opening import MEMORY, file_uri
from .settings import apply_settings, memory_settings, reader_settings, safety_settings

__all__ = [
    "Malformed",
    "converted",
    "damage",
    "database_file",
    "foreign_objects",
    "open_to_audit",
    "pages",
    "scratch_connection",
]

ROWS_IN_A_PAGE = 1000
FINDINGS_SHOWN = 20
OBJECTS = "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'"


class Malformed(Struct, frozen=True):
    """A row that no version of Twofold can have written, and what is wrong with it."""

    key: object
    what: str


@contextmanager
def open_to_audit(file: Path, schema: Schema) -> Iterator[sqlite3.Connection]:
    """Open `file` read-only, beside its writer or without one; see `Database.open_read_only` for what that leaves.

    Text that is no UTF-8 is read as bytes, so that it can be compared and shown.

    Raises:
        NoSuchStore: there is no such file.
        Corruption, SchemaTooNew, SchemaTooOld, sqlite3.Error: it is no database of this kind.
    """
    if not file.exists():
        raise NoSuchStore(file)
    with closing(sqlite3.connect(file_uri(file, "ro"), uri=True, isolation_level=None)) as connection:
        connection.text_factory = text_or_bytes
        apply_settings(connection, file, reader_settings())
        check_readable(connection, schema, file)
        yield connection


def scratch_connection() -> sqlite3.Connection:
    """Return a new private database in a temporary file, which is gone once this is closed or the process ends."""
    connection = sqlite3.connect("", isolation_level=None)
    connection.text_factory = text_or_bytes
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    apply_settings(connection, MEMORY, safety_settings())
    return connection


def damage(connection: sqlite3.Connection, schema: Schema) -> Iterator[str]:
    """Yield what is wrong with the file as such: its settings, its pages, its indexes. It reads the whole file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != schema.version():
        yield f"its schema version is {version}, not {schema.version()}"
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        yield f"its journal mode is {mode}, not wal"
    for (finding,) in connection.execute(f"PRAGMA integrity_check({FINDINGS_SHOWN})"):
        if finding != "ok":
            yield str(finding)


def foreign_objects(connection: sqlite3.Connection, expected: sqlite3.Connection | Schema) -> list[str]:
    """Return what there is, or is not, among tables and indexes otherwise than in the database `expected`."""
    if isinstance(expected, Schema):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
            apply_settings(model, MEMORY, memory_settings())
            migrate(model, expected, MEMORY)
            return foreign_objects(connection, model)
    actual, wanted = (set(each.execute(OBJECTS).fetchall()) for each in (connection, expected))
    return [f"its {kind} {name} is not as it was made" for kind, name, *_ in sorted(actual ^ wanted, key=str)]


def pages(connection: sqlite3.Connection, sql: str, start: object, row_type: Any) -> Iterator[list[Any]]:
    """Yield the rows of `sql` in pages, each row a `row_type` (a tuple type) or `Malformed`.

    `sql` has the parameters ``:after`` and ``:limit``, its first column is the key that orders it, and `start` is a key
    before all others.

    Raises:
        Corruption: the rows are out of order, so that reading on would never end.
    """
    after: Any = start
    while rows := connection.execute(sql, {"after": after, "limit": ROWS_IN_A_PAGE}).fetchall():
        yield converted(rows, row_type)
        if not rows[-1][0] > after:
            raise Corruption(database_file(connection), None, f"the rows behind {after!r} are out of order", "")
        after = rows[-1][0]


def converted(rows: list[Any], row_type: Any) -> list[Any]:
    """Return `rows`, all of the types of `row_type`, and `Malformed` in the place of those that are not."""
    try:
        return list(msgspec.convert(rows, list[row_type], builtin_types=[bytes]))
    except msgspec.ValidationError as error:
        if len(rows) == 1:
            return [Malformed(rows[0][0], f"it is malformed: {error}")]
    return [each for row in rows for each in converted([row], row_type)]


def database_file(connection: sqlite3.Connection) -> str:
    """Return the path of the file that `connection` reads."""
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


def text_or_bytes(data: bytes) -> str | bytes:
    """Return `data` as text, or as it is where it is no UTF-8: a column that must be text is malformed then."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
