"""Filling a generation: its tables, and the statements of its projections, which move with its position."""

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ..errors import StatementFailed, StoreError, WrongCursor
from ..records import Position, ProjectionSchema, Statement
from .faults import storage_error
from .first_word import first_word
from .read_query import read_position
from .transactions import transaction

__all__ = ["apply_statements", "create_projections", "fingerprints", "recorded_projections"]

PROJECTOR = "projector"
COMMIT = "COMMIT"
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"})

Fingerprints = frozenset[tuple[str, int, bytes]]
"""Name, version and digest of the schema of each projection."""


def fingerprints(projections: Sequence[ProjectionSchema]) -> Fingerprints:
    """Return what tells `projections` from others."""
    return frozenset((each.name, each.version, sha256(each.schema.encode()).digest()) for each in projections)


def recorded_projections(connection: sqlite3.Connection) -> Fingerprints:
    """Return what tells the projections that built this generation from others; nothing where none did."""
    return frozenset(connection.execute("SELECT name, version, digest FROM twofold_projections").fetchall())


def create_projections(connection: sqlite3.Connection, file: Path, projections: Sequence[ProjectionSchema]) -> None:
    """Create the tables of `projections` in a new generation, and record by which it is built.

    Raises:
        StatementFailed: SQLite refused a schema.
    """
    for each in projections:
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{each.schema}\n;COMMIT;")
        except sqlite3.Error as error:
            raise storage_error(error, file, "create") or StatementFailed(each.schema, error) from error
    with transaction(connection, file):
        connection.executemany("INSERT INTO twofold_projections VALUES (?, ?, ?)", sorted(fingerprints(projections)))


def apply_statements(
    connection: sqlite3.Connection, file: Path, statements: Sequence[Statement], expected: Position, position: Position
) -> None:
    """Run `statements` in order and move the position, in one transaction; raises as `ReadStore.apply` does."""
    try:
        with transaction(connection, file):
            run_all(connection, file, statements, expected, position)
    except sqlite3.IntegrityError as error:  # a constraint that SQLite looks at only where the transaction ends
        raise StatementFailed(COMMIT, error) from error


def run_all(
    connection: sqlite3.Connection, file: Path, statements: Sequence[Statement], expected: Position, position: Position
) -> None:
    """Run `statements` in order and move the position, within a transaction."""
    moved = connection.execute(
        "UPDATE twofold_cursor SET position = ? WHERE position = ?", (position, expected)
    ).rowcount
    if moved != 1:
        raise WrongCursor(PROJECTOR, expected, read_position(connection))
    for sql, group in groupby(statements, key=itemgetter(0)):
        run_group(connection, file, sql, [statement.parameters for statement in group])


def run_group(
    connection: sqlite3.Connection, file: Path, sql: str, rows: list[tuple[str | int | float | bytes | None, ...]]
) -> None:
    """Run one statement with each of `rows`."""
    word = first_word(sql)
    if word not in WRITES:
        raise StatementFailed(sql, "A projection only changes rows: INSERT, UPDATE, DELETE, REPLACE or WITH")
    try:
        if word == "WITH":  # which executemany takes for a query, and refuses
            for row in rows:
                connection.execute(sql, row)
        else:
            connection.executemany(sql, rows)
    except Exception as error:
        if isinstance(error, MemoryError | StoreError) or storage_error(error, file, "apply") is not None:
            raise
        raise StatementFailed(sql, error) from error
