"""Looking for damage in a database file."""

import sqlite3

from .faults import is_damage

__all__ = ["quick_check"]

FINDINGS_SHOWN = 20


def quick_check(connection: sqlite3.Connection) -> list[str]:
    """Return what SQLite's ``quick_check`` finds wrong, or nothing. It reads the whole file."""
    try:
        findings = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({FINDINGS_SHOWN})")]
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return [str(error)]
    return [] if findings == ["ok"] else findings
