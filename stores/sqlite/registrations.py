"""The consumers of effects that the write database knows, so that a ledger that is gone shows."""

import sqlite3
from pathlib import Path

from ..records import Position
from .changes import change

__all__ = ["register", "registered_consumers"]


def registered_consumers(connection: sqlite3.Connection) -> dict[str, Position]:
    """Return the registered consumers, each with the position that it started behind."""
    return dict(connection.execute("SELECT name, start FROM consumers ORDER BY name").fetchall())


def register(connection: sqlite3.Connection, file: Path, name: str, start: Position) -> None:
    """Register a consumer durably; one that is registered already stays as it is. Raises as `change` does."""
    with change(connection, file):
        connection.execute("INSERT INTO consumers VALUES (?, ?) ON CONFLICT DO NOTHING", (name, start))
