"""What an error of SQLite means: no space, a broken device, another writer, or a statement that it refuses."""

import sqlite3
from pathlib import Path

import msgspec

from ..errors import Corruption, DiskFull, Locked, StorageFailed, StoreError

__all__ = ["is_about_the_file", "is_damage", "is_interrupt", "opening_error", "primary_code", "storage_error"]

PRIMARY_CODE = 0xFF
"""The low byte of an extended result code (https://www.sqlite.org/rescode.html)."""

BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_INTERNAL,
    }
)
NO_TEXT = "Could not decode to UTF-8"
"""How Python's module begins when a text is none; such an error has no code."""
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_damage(error: object) -> bool:
    """Return whether `error` means that the file does not hold what was written: no sound database, text or JSON."""
    if isinstance(error, sqlite3.Error):
        return primary_code(error) in DAMAGED or NO_TEXT in str(error)
    return isinstance(error, UnicodeDecodeError | msgspec.DecodeError)


def is_interrupt(error: object) -> bool:
    """Return whether a progress handler ended the statement."""
    return isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_INTERRUPT


def is_about_the_file(error: object) -> bool:
    """Return whether a query's `error` comes from the file; that of a write, which ``query_only`` refuses, does not."""
    return (
        isinstance(error, sqlite3.Error)
        and primary_code(error) in BROKEN | BUSY
        and primary_code(error) != sqlite3.SQLITE_READONLY
    )


def storage_error(error: Exception, file: Path, operation: str) -> StoreError | None:
    """Return what `error` says about the file and its device, or ``None`` where the statement is at fault."""
    if not isinstance(error, sqlite3.Error):
        return None
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return DiskFull(file)  # the second is all that is told where there is no room for the index of a log
    if code in BROKEN:
        return StorageFailed(file, operation, f"{error} ({error.sqlite_errorname})")
    if code in BUSY:
        return Locked(file, None)
    return None


def opening_error(error: Exception, file: Path, next_step: str) -> StoreError:
    """Return what `error` means while `file` is opened: damage is found here before anything builds on it."""
    if is_damage(error) or isinstance(error, sqlite3.IntegrityError):  # rows that the next schema cannot hold
        return Corruption(file, None, str(error), next_step)
    return storage_error(error, file, "open") or StorageFailed(file, "open", error)


def primary_code(error: sqlite3.Error) -> int | None:
    """Return the primary result code; an error that Python's module raised by itself has none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & PRIMARY_CODE
