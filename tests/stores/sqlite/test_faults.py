"""What an error of SQLite means for the one who runs Twofold."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from twofold.stores.errors import DiskFull, Locked, StorageFailed, StoreError
from twofold.stores.sqlite.faults import storage_error


def test_an_error_that_pythons_module_raises_by_itself_has_no_code_and_is_the_statements() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.Error) as raised:
        connection.execute("SELECT ?")
    assert storage_error(raised.value, Path("file"), "write") is None


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DiskFull),
        (sqlite3.SQLITE_IOERR_WRITE, StorageFailed),
        (sqlite3.SQLITE_CORRUPT_INDEX, StorageFailed),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Locked),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
    ],
)
def test_an_error_is_of_the_room_the_device_another_process_or_the_statement(
    code: int, meant: type[StoreError] | None
) -> None:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode, error.sqlite_errorname = code, "made up"
    assert type(storage_error(error, Path("file"), "write")) is (meant or type(None))
