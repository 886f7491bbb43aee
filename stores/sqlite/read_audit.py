"""Reading a generation of the read database, for tools, and building one only to compare the two."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import Corruption
from ..records import Position, ProjectionSchema, Statement
from .audit import database_file, scratch_connection
from .migrations import READ_DB, migrate
from .projecting import apply_statements, create_projections

__all__ = ["ScratchGeneration", "audited_position"]

FILE = Path("the rebuilt read database")
"""What the temporary file is called in errors."""


def audited_position(connection: sqlite3.Connection) -> Position:
    """Return the position that the generation says it is at.

    Raises:
        Corruption: it says none.
    """
    rows = connection.execute("SELECT id, position FROM twofold_cursor").fetchall()
    try:
        ((_, position),) = msgspec.convert(rows, list[tuple[int, Position]])
    except ValueError as error:
        what = f"its cursor is malformed: {error}"
        raise Corruption(database_file(connection), None, what, READ_DB.way_out) from error
    return position


class ScratchGeneration:
    """The tables of projections in a temporary file, at a position that `apply` moves."""

    def __init__(self, projections: Sequence[ProjectionSchema]) -> None:
        """Make the tables.

        Raises:
            StatementFailed: SQLite refuses a schema.
        """
        self.connection: sqlite3.Connection = scratch_connection()
        self.position: Position = 0
        migrate(self.connection, READ_DB, FILE)
        create_projections(self.connection, FILE, projections)

    def apply(self, statements: Sequence[Statement], position: Position) -> None:
        """Run `statements` and move to `position`.

        Raises:
            StatementFailed: SQLite refuses one; nothing of them is kept.
        """
        apply_statements(self.connection, FILE, statements, self.position, position)
        self.position = position

    def close(self) -> None:
        """Let go of the file, and with it of everything."""
        self.connection.close()
