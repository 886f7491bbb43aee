"""Copying a database beside the process that writes it: one snapshot, whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import DiskFull
from ..files import Files, failing
from .audit import open_to_audit
from .faults import opening_error, primary_code
from .migrations import Schema

__all__ = ["copy_database"]


def copy_database(file: Path, schema: Schema, target: Path) -> None:
    """Copy `file` to the new file `target`, durably, as it was at one moment after the call began.

    It reads in one transaction (https://www.sqlite.org/backup.html, all pages in one step): the writer goes on, and its
    write-ahead log grows meanwhile.

    Raises:
        NoSuchStore: there is no such file.
        Corruption, SchemaTooNew, SchemaTooOld: it is damaged, or not of `schema`.
        DiskFull: there is no room for the copy.
        StorageFailed: a file cannot be read or written.
    """
    try:
        with open_to_audit(file, schema) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_FULL:
            raise DiskFull(target) from error
        raise opening_error(error, file, schema.way_out) from error
    with failing(target, "fsync"):
        files = Files()
        descriptor = files.open(target)
        try:
            files.sync(descriptor)
        finally:
            files.close(descriptor)
